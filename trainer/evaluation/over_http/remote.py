"""Replies from a server with OpenAI's API. ``arrol-serve`` runs whole searches and scores them. From
any other one a question's samples come in one request where its reply tells the tokens of each, or
else each sample in a request of its own. The seeds are the same either way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from arrol_serve.answers.spec import AnswerSpec
from trainer.errors import DataError
from trainer.evaluation.backends import Backend
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import Reply
from trainer.evaluation.needs import CONFIDENCE, HEAD, PRUNING, SEARCHES
from trainer.evaluation.over_http.endpoint import (
    FIRST_TRIES,
    BadRequest,
    Call,
    Endpoint,
    RemoteError,
)
from trainer.evaluation.over_http.plan import explicit, one_sample, what_was_not_done
from trainer.evaluation.over_http.replies import candidates, choices, single
from trainer.evaluation.sampling import Settings, seed_of
from trainer.prompts.chat import messages


class Way(StrEnum):
    """How a server is asked for a question's samples; a run goes on only in the same way."""

    SEARCH = "arrol-serve"
    TOGETHER = "openai-n"
    """One request with ``n``, whose choice i is sampled with seed + i by vLLM."""
    SINGLY = "openai"


COUNTING: tuple[dict[str, Any], ...] = ({"return_token_ids": True}, {"logprobs": True})
"""Fields that make a reply tell its tokens choice by choice: vLLM's, then OpenAI's."""
NOT_SAID = (
    "The server takes neither top_k nor min_p nor repetition_penalty: whatever of these its own "
    "configuration sets has shaped the samples."
)


@dataclass(frozen=True, slots=True)
class Manner:
    """What the first requests have shown."""

    way: Way
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Added to every request."""
    has_head: bool = False
    filters: bool = True
    """Whether it takes the filters that OpenAI's API does not have."""


def filters(settings: Settings) -> dict[str, Any]:
    """Said aloud, since vLLM takes what is left out from the model's generation_config.json."""
    return {"top_k": settings.top_k, "min_p": 0.0, "repetition_penalty": 1.0}


def _chat_fields(settings: Settings) -> dict[str, Any]:
    """Only what was asked for: other servers than vLLM know no arguments of templates."""
    chat, said = settings.chat, dict[str, Any]()
    if chat.stop:
        said["stop"] = list(chat.stop)
    if chat.template:
        said["chat_template_kwargs"] = dict(chat.template)
    return said


def remote_backend(
    endpoint: Endpoint, settings: Settings, spec: AnswerSpec | None = None
) -> Backend:
    """Asks the server what it is. Raises ``RemoteError``, and ``DataError`` for a filter it lacks."""
    manner = asyncio.run(_first_requests(endpoint, settings))
    offers = {CONFIDENCE, PRUNING, SEARCHES} if manner.way is Way.SEARCH else set()
    if manner.has_head:
        offers.add(HEAD)
    if settings.top_k and not manner.filters:
        raise DataError(
            f"--top-k {settings.top_k}: {endpoint.url} does not take top_k: leave it out"
        )

    def sampler(arm: str, items: Sequence[Item]) -> list[list[Reply]]:
        return asyncio.run(sample_remote(endpoint, manner, arm, items, settings, spec))

    notes = () if manner.filters else (NOT_SAID,)
    return Backend(manner.way.value, frozenset(offers), sampler, notes)


async def _first_requests(endpoint: Endpoint, settings: Settings) -> Manner:
    """One-token requests: the richest way to ask that the server takes."""
    hello = messages(settings.chat, "Hi")
    body = {"model": endpoint.model, "messages": hello, "max_tokens": 1, **_chat_fields(settings)}
    async with endpoint.client() as http:
        call = Call(endpoint, http, asyncio.Semaphore(1), "a first request", FIRST_TRIES)
        told = await _tried(call, {**body, **filters(settings), "arrol": one_sample()})
        report = (told or {}).get("arrol")
        if isinstance(report, dict):
            return Manner(Way.SEARCH, filters(settings), bool(report.get("head")))
        for manner in _plain_ways(settings):
            n = {"n": settings.samples} if manner.way is Way.TOGETHER else {}
            reply = await _tried(call, {**body, **n, **manner.fields})
            if reply is not None and (not n or _tells(reply, settings.samples)):
                return manner
        await call.post(body)  # what is wrong with this one is wrong with the run
    return Manner(Way.SINGLY, filters=False)


def _plain_ways(settings: Settings) -> Iterator[Manner]:
    """Best first; the last, one sample a request with no field of vLLM's, is what remains."""
    full = filters(settings)
    if settings.samples > 1:
        yield Manner(Way.TOGETHER, {**COUNTING[0], **full})
        yield Manner(Way.TOGETHER, {**COUNTING[1], **full})
        yield Manner(Way.TOGETHER, COUNTING[1], filters=False)
    yield Manner(Way.SINGLY, full)


async def _tried(call: Call, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """None where the server does not take these fields."""
    try:
        return await call.post(body)
    except BadRequest:
        return None


def _tells(reply: Mapping[str, Any], samples: int) -> bool:
    try:
        return len(choices("", reply)) == samples
    except RemoteError:
        return False


async def sample_remote(
    endpoint: Endpoint,
    manner: Manner,
    arm: str,
    items: Sequence[Item],
    settings: Settings,
    spec: AnswerSpec | None = None,
) -> list[list[Reply]]:
    """As ``sampling.sample``, with the same seeds.

    Raises ``RemoteError`` naming the question, also where the server did not do what it was asked.
    """
    gate = asyncio.Semaphore(endpoint.concurrency)
    async with endpoint.client() as http:
        jobs = []
        for item in items:
            body = {
                "model": endpoint.model,
                "messages": settings.messages(item),
                "temperature": settings.temperature,
                "top_p": settings.top_p,
                "max_tokens": settings.max_tokens,
                "seed": seed_of(settings, item.id),
                **_chat_fields(settings),
                **manner.fields,
            }
            call = Call(endpoint, http, gate, item.id)
            if manner.way is Way.SEARCH:
                plan = explicit(arm, settings, spec or AnswerSpec(), has_head=manner.has_head)
                jobs.append(_search(call, {**body, "arrol": plan}, arm))
            elif manner.way is Way.TOGETHER:
                jobs.append(_together(call, body, settings.samples))
            else:
                jobs.append(_singly(call, body, settings.samples))
        return await asyncio.gather(*jobs)


async def _search(call: Call, body: Mapping[str, Any], arm: str) -> list[Reply]:
    reply = await call.post(body)
    found = candidates(call.what, reply)
    wrong = what_was_not_done(arm, body["arrol"]["samples"], [r.fate for r in found])
    if wrong is not None:
        raise RemoteError(f"{call.what}: {wrong}. Does the server limit searches?")
    return found


async def _together(call: Call, body: Mapping[str, Any], samples: int) -> list[Reply]:
    replies = choices(call.what, await call.post({**body, "n": samples}))
    if len(replies) != samples:
        raise RemoteError(
            f"{call.what}: {len(replies)} choices in a reply to a request for {samples}"
        )
    return replies


async def _singly(call: Call, body: Mapping[str, Any], samples: int) -> list[Reply]:
    bodies = [{**body, "seed": body["seed"] + i} for i in range(samples)]
    return [single(call.what, r) for r in await asyncio.gather(*map(call.post, bodies))]
