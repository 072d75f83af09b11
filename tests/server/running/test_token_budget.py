"""Whatever way a request ends, its key has paid for what was generated."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.server.conftest import Server, start
from tests.server.leaving import LONG
from tests.starting import stop

BUDGET = 20
"""Tokens a minute."""
PLAIN: dict[str, Any] = {k: v for k, v in LONG.items() if k != "arrol"} | {"max_tokens": 480}
SEARCH: dict[str, Any] = PLAIN | {"arrol": {"samples": 4, "vote": "uniform"}}
LEFT = {
    "plain": PLAIN,
    "plain, several choices": PLAIN | {"n": 3},
    "plain stream": PLAIN | {"stream": True},
    "search": SEARCH,
    "search stream": SEARCH | {"stream": True},
}
STAYED = {
    "deadline": (504, SEARCH | {"arrol": SEARCH["arrol"] | {"deadline_s": 0.3}}),
    "answered": (200, PLAIN | {"max_tokens": BUDGET}),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("budget")
    keys, config = folder / "keys", folder / "arrol.toml"
    keys.write_text("\n".join(key_of(case) for case in LEFT | STAYED))
    config.write_text(f"tokens_per_minute_per_key = {BUDGET}\n")
    options = ["--api-key-file", str(keys), "--arrol-config", str(config), "--no-page"]
    process, running = start(folder / "server.log", *options)
    yield running
    stop(process, running.log)


def key_of(case: str) -> str:
    return f"key-{case.replace(' ', '-').replace(',', '')}"


async def leave_once_generating(server: Server, body: dict[str, Any]) -> None:
    def generated() -> float:
        return server.metric("vllm:generation_tokens_total")

    before = generated()
    headers = {"authorization": f"Bearer {server.key}"}
    async with httpx.AsyncClient(timeout=120, headers=headers) as http:
        request = asyncio.create_task(http.post(f"{server.url}/v1/chat/completions", json=body))
        while await asyncio.to_thread(generated) < before + 2 * BUDGET:
            assert not request.done(), "it ended before its client left"
        request.cancel()


def check_spent(server: Server) -> None:
    server.wait_idle()
    reply = server.post(PLAIN | {"max_tokens": 1})
    assert reply.status_code == 429
    assert reply.json()["error"]["code"] == "rate_limited"
    assert "tokens" in reply.json()["error"]["message"]
    assert 1 <= int(reply.headers["retry-after"]) <= 60


@pytest.mark.parametrize("case", LEFT)
def test_who_leaves_has_paid(server: Server, case: str) -> None:
    mine = replace(server, key=key_of(case))
    asyncio.run(leave_once_generating(mine, LEFT[case]))
    check_spent(mine)


@pytest.mark.parametrize("case", STAYED)
def test_who_stays_has_paid(server: Server, case: str) -> None:
    mine = replace(server, key=key_of(case))
    status, body = STAYED[case]
    assert mine.post(body).status_code == status
    check_spent(mine)
