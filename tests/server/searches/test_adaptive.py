"""Searches that start small and grow, on the real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from openai import BadRequestError, OpenAI

from tests.server.conftest import Server
from tests.server.deadlines import first_answer
from tests.server.leaving import LONG, check_nothing_is_left, leave

Ask = Callable[..., Any]
EASY = "What is 12+7?"
PROBE = 24
HARD = "What is 947*83-17+29-64?"
GROWING: dict[str, Any] = {
    "samples": 16,
    "min_samples": 2,
    "wave_samples": 2,
    "prune": {"keep": 0.5, "probes": [PROBE]},
    "return": "candidates",
}


def stop_at(confidence: float, **more: Any) -> dict[str, Any]:
    return GROWING | {"early_stop": {"confidence": confidence}} | more


def test_an_easy_question_stops_after_the_first_wave(ask: Ask) -> None:
    found = ask(EASY, arrol=stop_at(0.6, prune=None), seed=3).arrol
    assert (found["stop"], found["waves"], found["samples"]["started"]) == ("confidence", 1, 2)
    assert found["confidence"] >= 0.6
    assert found["answer"] == "19"


def test_a_confidence_that_is_never_reached_uses_all_samples(ask: Ask) -> None:
    found = ask(HARD, arrol=stop_at(0.9999), seed=3, temperature=1.8).arrol
    assert (found["stop"], found["samples"]["started"]) == ("all_done", 16)
    assert found["waves"] > 2


def test_waves_are_pruned_within_and_across(ask: Ask) -> None:
    """Waves of two: each newcomer is judged against all who were at the probe before it."""
    found = ask(HARD, arrol=stop_at(0.9999), seed=5, temperature=1.8).arrol
    judged = [c for c in found["candidates"] if c["probes"]]
    assert all(c["probes"][0]["tokens"] == PROBE for c in judged)
    scores: list[float] = []
    for first in range(0, 16, 2):
        wave = [c for c in judged if c["index"] in (first, first + 1)]
        scores += [c["probes"][0]["score"] for c in wave]
        lowest_kept = sorted(scores, reverse=True)[: -(-len(scores) // 2)][-1]
        for candidate in wave:
            if candidate["probes"][0]["score"] != lowest_kept:  # ties are shared out
                kept = candidate["probes"][0]["score"] > lowest_kept
                assert (candidate["fate"] != "pruned") is kept
    assert len(judged) / 4 <= found["samples"]["pruned"] <= len(judged) * 3 / 4


def test_the_answer_is_that_of_the_counted_candidates(ask: Ask) -> None:
    for seed in range(0, 60, 10):
        found = ask(HARD, arrol=stop_at(0.7), seed=seed, temperature=1.4).arrol
        votes = sum(vote["count"] for vote in found["votes"])
        counts = found["samples"]
        assert votes == counts["finished"] - counts["no_answer"]
        if found["stop"] == "confidence":
            assert found["confidence"] >= 0.7


def test_usage_counts_every_wave(server: Server, ask: Ask) -> None:
    server.wait_idle()
    before = server.metric("vllm:generation_tokens_total")
    reply = ask(HARD, arrol=stop_at(0.95), seed=9, temperature=1.6)
    server.wait_idle()
    after = server.metric("vllm:generation_tokens_total")
    assert reply.usage.completion_tokens == after - before
    assert server.metric("arrol_admitted_load") == 0


def test_the_same_seed_takes_the_same_course(ask: Ask) -> None:
    first, second = (ask(HARD, arrol=stop_at(0.8), seed=31, temperature=1.5) for _ in range(2))
    assert first.choices[0].message.content == second.choices[0].message.content
    for key in ("answer", "confidence", "stop", "waves", "votes"):
        assert first.arrol[key] == second.arrol[key], key


def test_streams_and_several_choices(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="arrol-tiny",
            messages=[{"role": "user", "content": HARD}],
            n=3,
            seed=4,
            temperature=1.7,
            stream=True,
            extra_body={"arrol": stop_at(0.99)},
        )
    )
    said: dict[int, str] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            said[choice.index] = said.get(choice.index, "") + (choice.delta.content or "")
    report = next(c.model_extra["arrol"] for c in chunks if "arrol" in (c.model_extra or {}))
    answers = [vote["answer"] for vote in report["votes"]][: len(said)]
    assert [f"\\boxed{{{a}}}" in said[i] for i, a in enumerate(answers)] == [True] * len(said)
    assert 1 <= len(said) <= 3


@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.4, 0.8])
@pytest.mark.parametrize("stream", [False, True])
def test_leaving_between_waves_leaves_nothing_behind(
    server: Server, after_s: float, stream: bool
) -> None:
    never = {"arrol": {"samples": 64, "early_stop": {"confidence": 0.99}, "min_samples": 2}}
    leave(server, LONG | {"stream": stream, "max_tokens": 30} | never, after_s)
    check_nothing_is_left(server)


@pytest.mark.parametrize("shape", [{}, {"early_stop": {"confidence": 0.9999}}])
def test_a_deadline_holds_while_hard_answers_are_read(
    server: Server, shape: dict[str, Any]
) -> None:
    """At temperature 2 the answers are gibberish that sympy chews on, at most of 256 candidates."""
    body = {"model": "arrol-tiny", "seed": 3, "temperature": 2.0}
    body |= {"messages": [{"role": "user", "content": HARD}]}
    body |= {"arrol": {"samples": 256, "return": "candidates", **shape}}
    found, deadline_s = first_answer(server, body, 1.0)
    late_ms = found["latency_ms"] - 1000 * deadline_s
    assert late_ms < 1500  # a busy machine may be late, but not by seconds
    assert found["votes"]
    assert server.metric("arrol_admitted_load") == 0


def test_a_token_cap_counts_the_whole_search(ask: Ask) -> None:
    for cap in (40, 100, 200):
        arrol = stop_at(0.9999, max_total_tokens=cap)
        reply = ask(HARD, arrol=arrol, seed=3, temperature=1.8)
        assert reply.arrol["stop"] == "budget"
        assert cap <= reply.usage.completion_tokens <= cap + 4  # two waves at work in the last step


def test_the_cap_of_one_wave_is_as_before(ask: Ask) -> None:
    reply = ask(HARD, arrol={"samples": 4, "max_total_tokens": 60}, seed=3)
    assert 60 <= reply.usage.completion_tokens <= 64


def test_agreement_grows_in_waves_too(ask: Ask) -> None:
    arrol = {"samples": 16, "early_stop": {"agreement": 0.9}, "scorer": "confidence"}
    found = ask(EASY, arrol=arrol, seed=3).arrol
    assert (found["stop"], found["samples"]["started"]) == ("agreement", 4)


@pytest.mark.parametrize("name", ["fast", "balanced", "best"])
def test_presets_are_models_keys_and_headers(server: Server, ask: Ask, name: str) -> None:
    by_alias = ask(EASY, model=f"arrol-tiny-{name}", seed=1)
    by_key = ask(EASY, arrol={"preset": name}, seed=1)
    body = {
        "model": "arrol-tiny",
        "messages": [{"role": "user", "content": EASY}],
        "seed": 1,
    }
    by_header = server.post(body, **{"x-arrol-preset": name}).json()
    assert by_alias.arrol["preset"] == by_key.arrol["preset"] == name
    assert by_header["arrol"]["preset"] == name
    assert by_alias.arrol["answer"] == by_key.arrol["answer"] == by_header["arrol"]["answer"]
    assert by_alias.model == f"arrol-tiny-{name}"


def test_an_unknown_preset_is_refused_with_those_that_exist(ask: Ask) -> None:
    with pytest.raises(BadRequestError, match=r"Did you mean 'fast'.*Known: fast, balanced, best"):
        ask(EASY, arrol={"preset": "fats"})


def test_64_adaptive_searches_at_once(server: Server) -> None:
    async def crowd() -> list[Any]:
        async with server.async_client() as client:

            async def one(index: int) -> Any:
                return await client.chat.completions.create(
                    model="arrol-tiny",
                    messages=[{"role": "user", "content": f"What is {11 + index}*7-{index}?"}],
                    seed=index,
                    temperature=1.3,
                    extra_body={"arrol": stop_at(0.9)},
                )

            return await asyncio.gather(*map(one, range(64)))

    replies = asyncio.run(crowd())
    right = 0
    for index, reply in enumerate(replies):
        found = reply.arrol
        assert reply.usage.completion_tokens == sum(c["tokens"] for c in found["candidates"])
        right += found["answer"] == str((11 + index) * 7 - index)
    assert right > 32
    check_nothing_is_left(server)
    for name in ("queued_requests", "admitted_load", "searches_in_flight"):
        assert server.metric(f"arrol_{name}") == 0, name
