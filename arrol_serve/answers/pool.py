"""Reads and compares answers in processes that are killed when they take too long.

A user's regex may backtrack and sympy may expand a power tower; neither can be interrupted from
inside. ``pebble`` kills the worker on time-out and starts another. What ran out of time is counted
and reported, never taken for a wrong answer in silence.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from arrol_serve.answers.equivalence import equivalent, normalise, parses
from arrol_serve.answers.extract import extract
from arrol_serve.answers.spec import AnswerSpec, Equivalence

MAX_TEXT = 100_000
"""Characters handed to a worker, counted from the end of the text."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a worker made of one text."""

    answer: str | None
    matches: int | None = None
    """Which of the known answers it equals; None: a new one."""
    timed_out: bool = False


class AnswerPool:
    """Killable workers. Cheap to build: processes start with the first job, or with ``warm``."""

    def __init__(self, workers: int = 2, timeout_s: float = 3.0) -> None:
        self.timeout_s = timeout_s
        self.timeouts = 0
        self.crashes = 0
        context = multiprocessing.get_context("spawn")  # the server has threads: no fork
        self._pool = ProcessPool(max_workers=workers, context=context)
        self._workers = workers

    async def warm(self) -> None:
        """Start the workers and import sympy in them, so that no request pays for it."""
        jobs = [
            self._start(_equivalent, ("1/2", "0.5", "math"), 120.0) for _ in range(self._workers)
        ]
        await asyncio.gather(*map(asyncio.wrap_future, jobs), return_exceptions=True)

    async def extract(self, text: str, spec: AnswerSpec) -> Reading:
        """The answer in ``text``, compared with nothing."""
        return await self.read(text, spec, ())

    async def read(self, text: str, spec: AnswerSpec, known: Sequence[str]) -> Reading:
        """The answer in ``text`` and which of ``known`` it equals."""
        answer, failed = await self._run(_extract, (text[-MAX_TEXT:], spec))
        if failed or answer is None:
            return Reading(None, timed_out=failed)
        matches, failed = await self._run(_match, (answer, tuple(known), spec.equivalence))
        if failed:
            same = [i for i, other in enumerate(known) if normalise(other) == normalise(answer)]
            return Reading(answer, same[0] if same else None, timed_out=True)
        return Reading(answer, matches)

    async def _run(self, function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, bool]:
        future = self._start(function, args, self.timeout_s)
        try:
            return await asyncio.wrap_future(future), False
        except (FutureTimeout, ProcessExpired) as error:
            self._count(error)
            return None, True

    def _start(self, function: Callable[..., Any], args: Any, timeout_s: float) -> ProcessFuture:
        return self._pool.schedule(function, args=args, timeout=timeout_s)

    def _count(self, error: BaseException) -> None:
        if isinstance(error, ProcessExpired):
            self.crashes += 1
        else:
            self.timeouts += 1

    def judge_many(self, pairs: Sequence[tuple[str, str]], spec: AnswerSpec) -> list[bool | None]:
        """For each (reply, gold): is the reply's answer the gold? None: no verdict in time.

        Raises ``ValueError`` naming a gold that cannot be parsed.
        """
        chunk = 64
        jobs = [
            (at, self._start(_judge, (pairs[at : at + chunk], spec), self.timeout_s + 60))
            for at in range(0, len(pairs), chunk)
        ]
        verdicts: list[bool | None] = []
        for at, job in jobs:
            try:
                verdicts += job.result()
            except (FutureTimeout, ProcessExpired):  # one of them hangs: find out which
                verdicts += [self._judge_one(pair, spec) for pair in pairs[at : at + chunk]]
        return verdicts

    def _judge_one(self, pair: tuple[str, str], spec: AnswerSpec) -> bool | None:
        try:
            verdict: bool = self._start(_judge, ([pair], spec), self.timeout_s).result()[0]
        except (FutureTimeout, ProcessExpired) as error:
            self._count(error)
            return None
        return verdict

    def close(self) -> None:
        """Stop the workers, whatever they are doing."""
        self._pool.stop()
        self._pool.join()


def _extract(text: str, spec: AnswerSpec) -> str | None:
    return extract(text, spec)


def _match(answer: str, known: Sequence[str], how: Equivalence) -> int | None:
    return next((i for i, other in enumerate(known) if equivalent(other, answer, how)), None)


def _equivalent(a: str, b: str, how: Equivalence) -> bool:
    return equivalent(a, b, how)


def _judge(pairs: Sequence[tuple[str, str]], spec: AnswerSpec) -> list[bool]:
    verdicts = []
    for reply, gold in pairs:
        if spec.equivalence == "math" and not parses(gold) and not normalise(gold):
            raise ValueError(f"the gold answer {gold!r} cannot be parsed")
        answer = extract(reply[-MAX_TEXT:], spec)
        verdicts.append(answer is not None and equivalent(gold, answer, spec.equivalence))
    return verdicts
