"""Reads and compares answers in processes that are killed when they take too long.

sympy may expand a power tower, and a user's regex may match a long text in quadratic time; neither
can be interrupted from inside. ``pebble`` kills the worker on time-out and starts another. What ran
out of time is counted and reported, never taken for a wrong answer in silence.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Literal

from pebble import ProcessExpired

from arrol_serve.answers.equivalence import equivalent, normalise
from arrol_serve.answers.extract import extract
from arrol_serve.answers.jobs import first_equal, ready, settled_part, verdict
from arrol_serve.answers.spec import AnswerSpec, Equivalence
from arrol_serve.answers.workers import BEAT_S, Job, Workers

START_LIMIT_S = 120.0
"""Seconds that workers may take to start and import sympy."""
_FAILURES = (TimeoutError, ProcessExpired, BrokenProcessPool, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a worker made of one text."""

    answer: str | None
    matches: int | None = None
    """Which of the known answers it equals; None: a new one."""
    timed_out: bool = False
    """No answer: it could not be read in time. An answer: it was compared by its spelling only."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job."""

    value: Any
    failure: Literal["timeout", "crash"] | None = None


class AnswerPool:
    """Killable workers. Cheap to build: processes start with the first job, or with ``warm``."""

    def __init__(self, workers: int = 2, timeout_s: float = 3.0) -> None:
        self.workers = workers
        self.timeout_s = timeout_s
        """Seconds that one reading, or one comparison, may run; waiting for a worker is free."""
        self.timeouts = 0
        self.crashes = 0
        self._closed = False
        self._lock = threading.Lock()
        self._workers = Workers(workers)

    async def warm(self) -> None:
        """Start all workers, so that no request pays for it.

        Raises ``BrokenProcessPool`` if they die, ``TimeoutError`` after ``START_LIMIT_S``.
        """
        up: set[int] = set()
        async with asyncio.timeout(START_LIMIT_S):
            while len(up) < self.workers:
                jobs = [self._outcome(ready, (), START_LIMIT_S) for _ in range(self.workers)]
                up.update(await asyncio.gather(*jobs))
                await asyncio.sleep(0.05)  # one worker may be up long before the others

    async def extract(self, text: str, spec: AnswerSpec) -> Reading:
        """The answer in ``text``, compared with nothing."""
        settled = settled_part(text)
        if settled is None:
            return Reading(None)
        answer, failed = await self._attempt(extract, (settled, spec))
        return Reading(answer, timed_out=failed)

    async def equivalent(self, a: str, b: str, how: Equivalence = "math") -> bool | None:
        """Whether two answers say the same; None: no verdict in time."""
        same, failed = await self._attempt(equivalent, (a, b, how))
        return None if failed else bool(same)

    async def read(
        self,
        text: str,
        spec: AnswerSpec,
        known: Sequence[str],
        opaque: Collection[int] = (),
    ) -> Reading:
        """The answer in ``text`` and the first of ``known`` that it equals.

        ``opaque`` are the indices of known answers that timed out before: they are compared by
        spelling only, for one of them would take every later comparison down with it.
        """
        reading = await self.extract(text, spec)
        if reading.answer is None:
            return reading
        form = normalise(reading.answer)
        alike = next((i for i, other in enumerate(known) if normalise(other) == form), None)
        if alike is not None or spec.equivalence == "exact":
            return Reading(reading.answer, alike)
        clear = [i for i in range(len(known)) if i not in opaque]
        job = (reading.answer, tuple(known[i] for i in clear))
        found, failed = await self._attempt(first_equal, job)
        return Reading(reading.answer, None if found is None else clear[found], timed_out=failed)

    def judge(self, answer_text: str, gold: str, spec: AnswerSpec) -> bool:
        """Whether the answer that ``answer_text`` settles on is the gold. Blocks.

        Raises ``ValueError`` naming a gold that cannot be parsed, ``TimeoutError`` without a
        verdict in time.
        """
        (verdict,) = self.judge_many([(answer_text, gold)], spec)
        if verdict is None:
            raise TimeoutError(f"no verdict on the gold answer {gold!r} in {self.timeout_s:g} s")
        return verdict

    def judge_many(self, pairs: Sequence[tuple[str, str]], spec: AnswerSpec) -> list[bool | None]:
        """``judge`` for each (reply, gold), on all workers; None: no verdict in time. Blocks.

        Raises ``ValueError`` naming a gold that cannot be parsed.
        """
        jobs = [(settled_part(reply), gold, spec) for reply, gold in pairs]
        return [None if o.failure else bool(o.value) for o in self.run_many(verdict, jobs)]

    def run_many(
        self, function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]
    ) -> list[Outcome]:
        """``function(*job)`` for each job, on all workers, each within ``timeout_s``. Blocks.

        ``function`` is one that another process can import; what it raises is raised here.
        """
        started = [self._start(function, job, self.timeout_s) for job in jobs]
        try:
            return [
                self._ended(work, function, job) for job, work in zip(jobs, started, strict=True)
            ]
        finally:
            for work in started:
                work.future.cancel()

    def _ended(self, work: Job, function: Callable[..., Any], job: tuple[Any, ...]) -> Outcome:
        innocent = True
        while True:
            try:
                return Outcome(_wait(work))
            except _FAILURES as error:
                if not (innocent and isinstance(error, BrokenProcessPool)):
                    self._count(error)
                    return Outcome(None, "timeout" if isinstance(error, TimeoutError) else "crash")
            innocent = False
            work = self._start(function, job, self.timeout_s)

    def close(self) -> None:
        """Stop the workers, whatever they are doing; what waits for them fails. Blocks."""
        with self._lock:
            self._closed = True
        self._workers.discard()

    async def _attempt(
        self, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> tuple[Any, bool]:
        """``(result, False)``, or ``(None, True)`` if it took too long or its worker died.

        A pool broke because of a worker that was idle: its jobs are innocent and run once more.
        """
        innocent = True
        while True:
            try:
                return await self._outcome(function, args, self.timeout_s), False
            except _FAILURES as error:
                if not (innocent and isinstance(error, BrokenProcessPool)):
                    self._count(error)
                    return None, True
            innocent = False

    async def _outcome(
        self, function: Callable[..., Any], args: tuple[Any, ...], limit_s: float
    ) -> Any:
        job = self._start(function, args, limit_s)
        future = asyncio.wrap_future(job.future)
        try:
            while not (await asyncio.wait({future}, timeout=BEAT_S))[0]:
                job.check()
            return future.result()
        finally:
            future.cancel()  # pebble kills the worker of a cancelled job that is still running

    def _start(self, function: Callable[..., Any], args: tuple[Any, ...], limit_s: float) -> Job:
        with self._lock:
            if self._closed:
                raise RuntimeError("the answer pool is closed")
            try:
                return self._workers.schedule(function, args, limit_s)
            except RuntimeError:
                self.crashes += 1
                threading.Thread(target=self._workers.discard, daemon=True).start()
                self._workers = Workers(self.workers)
                return self._workers.schedule(function, args, limit_s)

    def _count(self, error: BaseException) -> None:
        if isinstance(error, TimeoutError):
            self.timeouts += 1
        else:
            self.crashes += 1


def _wait(job: Job) -> Any:
    while not wait([job.future], BEAT_S).done:
        job.check()
    return job.future.result()
