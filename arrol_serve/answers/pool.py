"""Reads and compares answers in processes that are killed when they take too long.

A user's regex may backtrack and sympy may expand a power tower; neither can be interrupted from
inside. ``pebble`` kills the worker on time-out and starts another. What ran out of time is counted
and reported, never taken for a wrong answer in silence.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Literal

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from arrol_serve.answers.equivalence import equivalent, normalise, readable
from arrol_serve.answers.extract import canonical, extract, load, without_reasoning
from arrol_serve.answers.spec import AnswerSpec, Equivalence

MAX_TEXT = 100_000
"""Characters handed to a worker, counted from the end of the text after its reasoning."""
START_LIMIT_S = 120.0
"""Seconds that workers may take to start and import sympy."""
_BEAT_S = 1.0
"""Seconds between looks at whether the pool still lives: pebble drops the jobs of a broken one."""
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
        self._pool = self._new_pool()

    async def warm(self) -> None:
        """Start all workers, so that no request pays for it.

        Raises ``BrokenProcessPool`` if they die, ``TimeoutError`` after ``START_LIMIT_S``.
        """
        ready: set[int] = set()
        async with asyncio.timeout(START_LIMIT_S):
            while len(ready) < self.workers:
                jobs = [self._outcome(_ready, (), START_LIMIT_S) for _ in range(self.workers)]
                ready.update(await asyncio.gather(*jobs))
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
        found, failed = await self._attempt(_first_equal, job)
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
                self._ended(pool, future, function, job)
                for job, (pool, future) in zip(jobs, started, strict=True)
            ]
        finally:
            for _, future in started:
                future.cancel()

    def _ended(
        self, pool: Any, future: Any, function: Callable[..., Any], job: tuple[Any, ...]
    ) -> Outcome:
        innocent = True
        while True:
            try:
                return Outcome(_wait(pool, future))
            except _FAILURES as error:
                if not (innocent and isinstance(error, BrokenProcessPool)):
                    self._count(error)
                    return Outcome(None, "timeout" if isinstance(error, TimeoutError) else "crash")
            innocent = False
            pool, future = self._start(function, job, self.timeout_s)

    def close(self) -> None:
        """Stop the workers, whatever they are doing; what waits for them fails. Blocks."""
        with self._lock:
            self._closed = True
        _discard(self._pool)

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
        pool, job = self._start(function, args, limit_s)
        future = asyncio.wrap_future(job)
        try:
            while not (await asyncio.wait({future}, timeout=_BEAT_S))[0]:
                if not pool.active:
                    raise BrokenProcessPool("the answer pool stopped")
            return future.result()
        finally:
            future.cancel()  # pebble kills the worker of a cancelled job that is still running

    def _start(
        self, function: Callable[..., Any], args: tuple[Any, ...], limit_s: float
    ) -> tuple[ProcessPool, ProcessFuture]:
        with self._lock:
            if self._closed:
                raise RuntimeError("the answer pool is closed")
            try:
                return self._pool, self._pool.schedule(function, args=args, timeout=limit_s)
            except RuntimeError:  # broken: one dead idle worker makes pebble give the pool up
                self.crashes += 1
                threading.Thread(target=_discard, args=(self._pool,), daemon=True).start()
                self._pool = self._new_pool()
                return self._pool, self._pool.schedule(function, args=args, timeout=limit_s)

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=self.workers,
            initializer=_prepare,
            context=multiprocessing.get_context("spawn"),  # the server has threads: no fork
        )

    def _count(self, error: BaseException) -> None:
        if isinstance(error, TimeoutError):
            self.timeouts += 1
        else:
            self.crashes += 1


def _wait(pool: Any, future: Any) -> Any:
    while not wait([future], _BEAT_S).done:
        if not pool.active:
            raise BrokenProcessPool("the answer pool stopped")
    return future.result()


def _discard(pool: ProcessPool) -> None:
    pool.stop()
    pool.join()


def settled_part(text: str) -> str | None:
    """The end of the text, cut after its reasoning is gone: a cut could hide that it is open."""
    said = without_reasoning(text)
    return None if said is None else said[-MAX_TEXT:]


def _prepare() -> None:
    """In a new worker: die at once when told to, and pay for the imports outside of any job."""
    # pebble's handler never runs while C code does, and it would wait 3 s before SIGKILL.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    warnings.simplefilter("ignore")  # on users' regexes and models' LaTeX
    equivalent("\\frac{1}{2}", "\\sqrt{2}")


def _ready() -> int:
    return os.getpid()


def _first_equal(answer: str, known: Sequence[str]) -> int | None:
    """Compares with something in any case, so that an answer that hangs shows itself at once."""
    if not known:
        equivalent(answer, "0")
    return next((i for i, other in enumerate(known) if equivalent(other, answer)), None)


def verdict(settled: str | None, gold: str, spec: AnswerSpec) -> bool:
    expected = _gold(gold, spec)
    answer = None if settled is None else extract(settled, spec)
    return answer is not None and equivalent(expected, answer, spec.equivalence)


def _gold(gold: str, spec: AnswerSpec) -> str:
    """The gold as ``extract`` would spell it. Raises ``ValueError`` if it cannot be parsed."""
    expected: str | None = gold
    if spec.extract == "tool":
        expected = extract(gold, spec)
    elif spec.extract == "json" and (value := load(gold)) is not None:
        expected = value if isinstance(value, str) else canonical(value)
    usable = expected and (spec.equivalence == "exact" or readable(expected))
    if not expected or not usable:
        raise ValueError(f"the gold answer {gold!r} cannot be parsed")
    return expected
