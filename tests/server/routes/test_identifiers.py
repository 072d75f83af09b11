"""Clients choose request ids, and may choose the same: nobody's search is another's to end."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.server.conftest import OTHER_KEY, Server
from tests.server.leaving import LONG, check_nothing_is_left

VICTIM: dict[str, Any] = LONG | {"max_tokens": 200, "arrol": {"samples": 8}, "seed": 5}


async def both(
    server: Server, first: dict[str, Any], first_id: str, gone_after_s: float
) -> tuple[httpx.Response, bool]:
    """A search that is cut short beside one of another key with the same id.

    The other's reply, and whether the first one's client left before it was answered. The time is that of the
    whole request: httpx's own time-out begins again with each keep-alive of a stream.
    """
    url = f"{server.url}/v1/chat/completions"

    def headers(key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}", "x-request-id": first_id}

    async with httpx.AsyncClient(timeout=120) as http:
        other = asyncio.create_task(http.post(url, json=VICTIM, headers=headers(OTHER_KEY)))
        await asyncio.sleep(0.1)
        asked, left = http.post(url, json=first, headers=headers(server.key)), False
        try:
            await asyncio.wait_for(asked, gone_after_s)
        except TimeoutError:
            left = True
        return await other, left


@pytest.mark.parametrize("request_id", ["shared", "", "x" * 200])
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_ends_its_own_search_only(
    server: Server, request_id: str, stream: bool
) -> None:
    leaver = LONG | {"stream": stream}
    reply, left = asyncio.run(both(server, leaver, request_id, 0.4))
    assert left
    whole(reply)
    check_nothing_is_left(server)


def test_a_deadline_ends_its_own_search_only(server: Server) -> None:
    hurried = LONG | {"arrol": LONG["arrol"] | {"deadline_s": 0.3}}
    reply, left = asyncio.run(both(server, hurried, "shared", 60))
    assert not left
    whole(reply)


def whole(reply: httpx.Response) -> None:
    assert reply.status_code == 200, reply.text
    samples = reply.json()["arrol"]["samples"]
    assert (samples["truncated"], samples["cancelled"]) == (8, 0)
