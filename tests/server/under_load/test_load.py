"""Clients that leave, and many at once."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from openai import AsyncOpenAI

from tests.server.conftest import Server
from tests.server.leaving import LONG, check_nothing_is_left, leave


def test_leaving_while_searching_frees_everything(server: Server) -> None:
    leave(server, LONG, 0.6)
    check_nothing_is_left(server)


def test_leaving_a_stream_while_searching_frees_everything(server: Server) -> None:
    leave(server, LONG | {"stream": True}, 0.6)
    check_nothing_is_left(server)


def test_leaving_while_queued_frees_everything(server: Server) -> None:
    async def crowd() -> None:
        headers = {"authorization": f"Bearer {server.key}"}
        async with httpx.AsyncClient(timeout=1.0, headers=headers) as http:
            posts = (http.post(f"{server.url}/v1/chat/completions", json=LONG) for _ in range(8))
            await asyncio.gather(*posts, return_exceptions=True)

    asyncio.run(crowd())  # 256 candidates for 128 places: half of them never started
    check_nothing_is_left(server)


def test_64_concurrent_requests_of_mixed_plans_all_answer(server: Server) -> None:
    plans: list[dict[str, Any] | None] = [
        None,
        {"samples": 4},
        {"samples": 8, "prune": {"keep": 0.5, "probes": [10]}},
        {"samples": 8, "prune": {"policy": "successive_halving", "probes": [8, 16]}},
        {"samples": 4, "scorer": "confidence", "vote": "confidence"},
        {"samples": 6, "early_stop": {"agreement": 0.9}, "min_samples": 2},
        {"samples": 4, "max_total_tokens": 90},
        {"samples": 4, "vote": "rank"},
    ]

    async def one(client: AsyncOpenAI, index: int) -> Any:
        plan = plans[index % len(plans)]
        a, b = 11 + index, 3 + index % 7
        reply = await client.chat.completions.create(
            model="arrol-tiny",
            messages=[{"role": "user", "content": f"What is {a}*{b}+5?"}],
            seed=index,
            extra_body={"arrol": plan} if plan else {},
        )
        return index, plan, reply, a * b + 5

    async def everybody() -> list[Any]:
        async with server.async_client() as client:
            return await asyncio.gather(*(one(client, i) for i in range(64)))

    replies = asyncio.run(everybody())
    assert len(replies) == 64
    right = 0
    for _, plan, reply, answer in replies:
        if plan is None:
            assert "arrol" not in reply.model_extra
            continue
        found = reply.arrol
        assert found["samples"]["started"] <= plan["samples"]
        if "prune" in plan:
            assert found["samples"]["pruned"] >= plan["samples"] // 2
        right += found["answer"] == str(answer)
    assert right > 28, "answers went to the wrong requests"
    check_nothing_is_left(server)


def test_plain_requests_are_not_touched_by_groups_beside_them(server: Server) -> None:
    plain = {
        "model": "arrol-tiny",
        "messages": [{"role": "user", "content": "What is 12*34-5?"}],
        "seed": 5,
    }
    alone = server.post(plain).json()["choices"][0]["message"]["content"]

    async def beside() -> list[httpx.Response]:
        headers = {"authorization": f"Bearer {server.key}"}
        async with httpx.AsyncClient(timeout=120, headers=headers) as http:
            url = f"{server.url}/v1/chat/completions"
            search = plain | {"arrol": {"samples": 16, "prune": {"keep": 0.25, "probes": [8]}}}
            return await asyncio.gather(*(http.post(url, json=b) for b in [search, plain] * 4))

    replies = asyncio.run(beside())
    assert {r.json()["choices"][0]["message"]["content"] for r in replies[1::2]} == {alone}


def test_seeded_searches_survive_more_prompts_than_one_prefill_takes(server: Server) -> None:
    """vLLM 0.32 on a CPU: chunked prefill of a prompt with a seed used to end the engine."""

    async def everybody() -> list[httpx.Response]:
        headers = {"authorization": f"Bearer {server.key}"}
        async with httpx.AsyncClient(timeout=120, headers=headers) as http:
            url = f"{server.url}/v1/chat/completions"
            return await asyncio.gather(*(http.post(url, json=_long_prompt(i)) for i in range(12)))

    assert [reply.status_code for reply in asyncio.run(everybody())] == [200] * 12
    check_nothing_is_left(server)


def _long_prompt(number: int) -> dict[str, Any]:
    """A prompt of some 400 tokens of its own, so that the prefix cache does not help."""
    asked = f"What is {number}+{number}+{'+'.join(str(100 + number + i) for i in range(95))}?"
    messages = [{"role": "user", "content": asked}]
    search = {"samples": 2, "vote": "uniform"}
    return LONG | {"messages": messages, "max_tokens": 4, "seed": number, "arrol": search}
