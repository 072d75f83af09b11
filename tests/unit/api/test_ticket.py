"""A ticket buys one search: the engine client may not be asked twice for the same request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from arrol_serve.api.ticket import TICKET, SearchTicket, claim_ticket
from arrol_serve.errors import InvalidRequest
from tests.unit.api.searches import plan


@pytest.fixture(autouse=True)
def apart() -> Iterator[None]:
    token = TICKET.set(None)
    yield
    TICKET.reset(token)


def test_a_search_may_ask_the_engine_once() -> None:
    """A tool turn that vLLM decides by itself would otherwise be answered plainly, or searched again."""
    ticket = SearchTicket(plan())
    TICKET.set(ticket)
    assert claim_ticket() is ticket
    for _ in range(2):
        with pytest.raises(InvalidRequest, match="answers in one turn") as caught:
            claim_ticket()
        assert (caught.value.param, caught.value.status) == ("tools", 400)


def test_a_turn_in_a_task_of_the_request_is_a_second_one_too() -> None:
    async def turns() -> None:
        TICKET.set(SearchTicket(plan()))
        claim_ticket()
        with pytest.raises(InvalidRequest):
            await asyncio.create_task(asyncio.to_thread(claim_ticket))

    asyncio.run(turns())


def test_a_plain_request_may_ask_as_often_as_it_likes() -> None:
    assert [claim_ticket() for _ in range(3)] == [None] * 3


def test_a_connections_next_request_has_a_ticket_of_its_own() -> None:
    for _ in range(2):
        TICKET.set(ticket := SearchTicket(plan()))
        assert claim_ticket() is ticket
