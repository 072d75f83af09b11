"""Sends one block of questions to one arm, so many at a time, and reads what it cost the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.serving.arms import SERVER, Arm

TIMEOUT_S = 600.0
TOKENS = "vllm:generation_tokens_total"


@dataclass(frozen=True, slots=True)
class Question:
    """``number`` is its place in the whole run: its seed follows from it."""

    number: int
    text: str
    gold: str


@dataclass(frozen=True, slots=True)
class Block:
    """What one arm did with one block."""

    texts: list[str]
    """The answers as the arm returned them; empty: it answered with an error."""
    seconds_each: list[float]
    seconds: float
    """Wall-clock seconds of the whole block."""
    tokens: int
    """By the engine's own counter."""


async def ask(
    client: httpx.AsyncClient,
    urls: Mapping[str, str],
    arm: Arm,
    question: Question,
    sampling: Mapping[str, Any],
) -> tuple[str, float]:
    """The arm's answer and its seconds, the client's own vote included."""
    body = arm.body(question.text, question.number * 1000, sampling)
    began = time.perf_counter()
    reply = await client.post(f"{urls[arm.at]}/v1/chat/completions", json=body)
    text = ""
    if reply.status_code == 200:
        choices = reply.json().get("choices") or []
        text = arm.choose(choices) if choices else ""
    elif arm.at == SERVER:
        raise SystemExit(f"{arm.name}: {reply.status_code} {reply.text[:500]}")
    return text, time.perf_counter() - began


async def engine_tokens(client: httpx.AsyncClient, url: str) -> int:
    """Tokens that the engine has generated since it started."""
    lines = (await client.get(f"{url}/metrics")).text.splitlines()
    found = [line for line in lines if line.startswith(TOKENS)]
    return round(sum(float(line.rsplit(" ", 1)[1]) for line in found))


async def run_block(
    urls: Mapping[str, str],
    arm: Arm,
    questions: Sequence[Question],
    concurrency: int,
    sampling: Mapping[str, Any],
) -> Block:
    """``concurrency`` questions are in flight until all have been asked."""
    gate = asyncio.Semaphore(concurrency)
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=httpx.Limits()) as client:

        async def one(question: Question) -> tuple[str, float]:
            async with gate:
                return await ask(client, urls, arm, question, sampling)

        before = await engine_tokens(client, urls[SERVER])
        began = time.perf_counter()
        answers = await asyncio.gather(*(one(question) for question in questions))
        seconds = time.perf_counter() - began
        tokens = await engine_tokens(client, urls[SERVER]) - before
    texts, each = zip(*answers, strict=True)
    return Block(list(texts), list(each), seconds, tokens)


async def first_byte(
    urls: Mapping[str, str], arm: Arm, question: Question, sampling: Mapping[str, Any]
) -> float:
    """Seconds to the first byte of a streamed reply's body, nothing else running."""
    body = arm.body(question.text, question.number * 1000, sampling) | {"stream": True}
    url = f"{urls[arm.at]}/v1/chat/completions"
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
        began = time.perf_counter()
        async with client.stream("POST", url, json=body) as reply:
            first = None
            async for _ in reply.aiter_raw():
                first = first or time.perf_counter() - began
    return first or time.perf_counter() - began
