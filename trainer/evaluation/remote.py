"""Replies from a server with OpenAI's API. ``arrol-serve`` runs whole searches and scores them. From
any other one a question's samples come in one request where its reply tells the tokens of each, or
else each sample in a request of its own. The seeds are the same either way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from arrol_serve.rollout import Fate, fate_of
from trainer.evaluation.backends import Backend
from trainer.evaluation.datasets import Item
from trainer.evaluation.endpoint import (
    FIRST_TRIES,
    BadRequest,
    Call,
    Endpoint,
    RemoteError,
)
from trainer.evaluation.grading import Reply
from trainer.evaluation.needs import CONFIDENCE, HEAD, PRUNING, SEARCHES
from trainer.evaluation.sampling import ADAPTIVE, AGREEMENT, Settings, policy_of, seed_of


class Way(StrEnum):
    """How a server is asked for a question's samples; a run goes on only in the same way."""

    SEARCH = "arrol-serve"
    TOGETHER = "openai-n"
    """One request with ``n``, whose choice i is sampled with seed + i by vLLM."""
    SINGLY = "openai"


COUNTING: tuple[dict[str, Any], ...] = ({"return_token_ids": True}, {"logprobs": True})
"""Fields that make a reply tell its tokens choice by choice: vLLM's, then OpenAI's."""


def remote_backend(endpoint: Endpoint, settings: Settings) -> Backend:
    """Asks the server what it is. Raises ``RemoteError``."""
    way, extra, has_head = asyncio.run(_probe(endpoint, settings.samples))
    offers = {CONFIDENCE, PRUNING, SEARCHES} if way is Way.SEARCH else set()
    if has_head:
        offers.add(HEAD)

    def sampler(arm: str, items: Sequence[Item], start: int) -> list[list[Reply]]:
        return asyncio.run(sample_remote(endpoint, way, arm, items, start, settings, extra))

    return Backend(way.value, frozenset(offers), sampler)


async def _probe(endpoint: Endpoint, samples: int) -> tuple[Way, dict[str, Any], bool]:
    """One-token requests: the way to ask, the fields that it adds, whether there is a head."""
    message = {"role": "user", "content": "Hi"}
    body = {"model": endpoint.model, "messages": [message], "max_tokens": 1}
    async with endpoint.client() as http:
        call = Call(endpoint, http, asyncio.Semaphore(1), "a first request", FIRST_TRIES)
        told = await _tried(call, {**body, "arrol": {"samples": 1, "return": "candidates"}})
        report = (told or {}).get("arrol")
        if isinstance(report, dict):
            return Way.SEARCH, {}, bool(report.get("head"))
        for extra in COUNTING if samples > 1 else ():
            reply = await _tried(call, {**body, "n": samples, **extra})
            if reply is not None and _tells(reply, samples):
                return Way.TOGETHER, extra, False
        if told is None:
            await call.post(body)  # what is wrong with this one is wrong with the run
    return Way.SINGLY, {}, False


async def _tried(call: Call, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """None where the server does not take these fields."""
    try:
        return await call.post(body)
    except BadRequest:
        return None


def _tells(reply: Mapping[str, Any], samples: int) -> bool:
    try:
        return len(_choices("", reply)) == samples
    except RemoteError:
        return False


async def sample_remote(
    endpoint: Endpoint,
    way: Way,
    arm: str,
    items: Sequence[Item],
    start: int,
    settings: Settings,
    extra: Mapping[str, Any] | None = None,
) -> list[list[Reply]]:
    """As ``sampling.sample``, with the same seeds. ``extra``: of ``COUNTING``, with ``TOGETHER``.

    Raises ``RemoteError`` naming the question.
    """
    gate = asyncio.Semaphore(endpoint.concurrency)
    ask = {Way.SEARCH: _search, Way.TOGETHER: _together, Way.SINGLY: _singly}[way]
    async with endpoint.client() as http:
        jobs = []
        for place, item in enumerate(items, start):
            body = {
                "model": endpoint.model,
                "messages": [{"role": "user", "content": item.question}],
                "temperature": settings.temperature,
                "max_tokens": settings.max_tokens,
                "seed": seed_of(settings, place),
                **(extra or {}),
            }
            jobs.append(ask(Call(endpoint, http, gate, item.id), arm, body, settings))
        return await asyncio.gather(*jobs)


async def _search(call: Call, arm: str, body: Mapping[str, Any], settings: Settings) -> list[Reply]:
    policy = policy_of(arm, settings.keep)
    # Only this vote makes the engine compute both signals; we count the votes ourselves.
    arrol: dict[str, Any] = {
        "samples": settings.samples,
        "vote": "confidence",
        "return": "candidates",
    }
    if arm == ADAPTIVE:
        first = min(settings.samples, max(2, settings.samples // 4))
        arrol |= {"vote": "uniform", "early_stop": {"agreement": AGREEMENT}, "min_samples": first}
    if policy is not None:
        name = policy["name"]
        arrol["prune"] = {"policy": name, "keep": policy["keep"], "probes": [settings.probe]}
    reply = await call.post({**body, "arrol": arrol})
    try:
        return [
            Reply(c["text"], c["tokens"], Fate(c["fate"]), c["quality"], c["confidence"])
            for c in reply["arrol"]["candidates"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise RemoteError(f"{call.what}: the reply holds no candidates ({error!r})") from error


async def _together(
    call: Call, _arm: str, body: Mapping[str, Any], settings: Settings
) -> list[Reply]:
    replies = _choices(call.what, await call.post({**body, "n": settings.samples}))
    if len(replies) != settings.samples:
        raise RemoteError(
            f"{call.what}: {len(replies)} choices in a reply to a request for {settings.samples}"
        )
    return replies


def _choices(what: str, reply: Mapping[str, Any]) -> list[Reply]:
    """Each choice with its own number of tokens. Raises ``RemoteError`` where that is not told."""
    try:
        choices = sorted(reply["choices"], key=lambda choice: int(choice["index"]))
        return [_counted(choice) for choice in choices]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RemoteError(f"{what}: the reply does not tell its tokens ({error!r})") from error


def _counted(choice: Mapping[str, Any]) -> Reply:
    ids = choice.get("token_ids")
    tokens = len(choice["logprobs"]["content"] if ids is None else ids)
    return _reply_of(choice, tokens)


async def _singly(
    call: Call, _arm: str, body: Mapping[str, Any], settings: Settings
) -> list[Reply]:
    seed = body["seed"]
    bodies = [{**body, "seed": seed + i} for i in range(settings.samples)]
    return [_single(call.what, r) for r in await asyncio.gather(*map(call.post, bodies))]


def _single(what: str, reply: Mapping[str, Any]) -> Reply:
    try:
        (choice,) = reply["choices"]
        return _reply_of(choice, int(reply["usage"]["completion_tokens"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RemoteError(f"{what}: the reply is no chat completion ({error!r})") from error


def _reply_of(choice: Mapping[str, Any], tokens: int) -> Reply:
    text = choice["message"].get("content") or ""
    return Reply(text, tokens, fate_of(choice["finish_reason"], None))
