"""Reads and compares answers; what may take long, in processes that are killed when they do.

Most of it is plain (``plain``) and happens where it is asked for. sympy may expand a power tower, and a
user's regex may match a long text in quadratic time; neither can be interrupted from inside. ``pebble``
kills the worker on time-out and starts another. What ran out of time is counted and reported, never
taken for a wrong answer in silence. Owners (searches) take turns at the workers.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Any, Literal

from pebble import ProcessExpired

from arrol_serve.answers.equivalence import needs_sympy
from arrol_serve.answers.gold import agrees
from arrol_serve.answers.kinds.form import Form
from arrol_serve.answers.partition import same
from arrol_serve.answers.plain import is_plain
from arrol_serve.answers.reading import Reading, form_of, read
from arrol_serve.answers.settled import settled_part
from arrol_serve.answers.spec import AnswerSpec, Equivalence
from arrol_serve.answers.workshop import jobs
from arrol_serve.answers.workshop.dispatch import Dispatch, Job
from arrol_serve.answers.workshop.workers import BEAT_S

START_LIMIT_S = 120.0
"""Seconds that workers may take to start and import sympy."""
MAX_RESOLVED = 1024
"""Formulas whose values are kept."""
_FAILURES = (TimeoutError, ProcessExpired, BrokenProcessPool, RecursionError, MemoryError)


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
        """Seconds that one job may run; waiting for a worker is free."""
        self.timeouts = 0
        self._crashes = 0
        self._dispatch = Dispatch(workers)
        self._resolved: OrderedDict[str, Form] = OrderedDict()

    @property
    def crashes(self) -> int:
        """Workers that died at work, and pools that broke because one died idle."""
        return self._crashes + self._dispatch.crashes

    async def warm(self) -> None:
        """Start all workers, so that no request pays for it.

        Raises ``BrokenProcessPool`` if they die, ``TimeoutError`` after ``START_LIMIT_S``.
        """
        up: set[int] = set()
        async with asyncio.timeout(START_LIMIT_S):
            while len(up) < self.workers:
                calls = [
                    self._result(jobs.ready, (), START_LIMIT_S, None) for _ in range(self.workers)
                ]
                up.update(await asyncio.gather(*calls))
                await asyncio.sleep(0.05)  # one worker may be up long before the others

    async def read(self, text: str, spec: AnswerSpec, owner: Hashable = None) -> Reading:
        """What ``text`` settles on. ``owner``: who takes turns with others."""
        settled = settled_part(text)
        if settled is None:
            return Reading(None, "the reasoning is not closed")
        if is_plain(settled, spec):
            return read(settled, spec)
        found = await self._outcome(jobs.read, (settled, spec), owner)
        if found.failure is not None:
            return Reading(None, f"it could not be read ({found.failure})", timed_out=True)
        return found.value  # type: ignore[no-any-return]

    async def equivalent(self, a: str, b: str, how: Equivalence = "math") -> bool | None:
        """Whether two answers say the same; None: no verdict in time."""
        x, y = form_of(a, how=how), form_of(b, how=how)
        if same(x, y) or not needs_sympy(x, y):
            return same(x, y)
        first, second = await self.resolve(x), await self.resolve(y)
        return None if first is None or second is None else same(first, second)

    async def resolve(
        self,
        form: Form,
        owner: Hashable = None,
        limit_s: float | None = None,
        charge: Callable[[float], None] | None = None,
    ) -> Form | None:
        """What sympy makes of a form that only it can evaluate; None: not in time.

        ``limit_s``: less than ``timeout_s``, if at all; ``charge`` is called with the seconds that it ran.

        A formula is evaluated once, whatever it is compared with; one job is one formula, whose
        milliseconds in sympy outweigh the trip.
        """
        if form.hard is None:
            return form
        if form.hard not in self._resolved:
            limit = self.timeout_s if limit_s is None else min(self.timeout_s, limit_s)
            found = await self._outcome(jobs.resolve, (form.hard,), owner, limit)
            worth, seconds = found.value or (None, limit)
            if charge is not None:
                charge(seconds)
            if found.failure is not None:
                return None
            self._resolved[form.hard] = worth or replace(form, hard=None)
            if len(self._resolved) > MAX_RESOLVED:
                self._resolved.popitem(last=False)
        return self._resolved[form.hard]

    def judge(self, answer_text: str, gold: str, spec: AnswerSpec) -> bool:
        """Whether the answer that ``answer_text`` settles on is the gold. Blocks.

        Raises ``ValueError`` naming a gold that cannot be parsed, ``TimeoutError`` without a
        verdict in time.
        """
        (found,) = self.judge_many([(answer_text, gold)], spec)
        if found is None:
            raise TimeoutError(f"no verdict on the gold answer {gold!r} in {self.timeout_s:g} s")
        return found

    def judge_many(self, pairs: Sequence[tuple[str, str]], spec: AnswerSpec) -> list[bool | None]:
        """``judge`` for each (reply, gold); None: no verdict in time. Blocks.

        Raises ``ValueError`` naming a gold that cannot be parsed.
        """
        settled = [settled_part(reply) for reply, _ in pairs]
        found: list[bool | None] = [
            agrees(said, gold, spec) if said is None or is_plain(said, spec) else None
            for said, (_, gold) in zip(settled, pairs, strict=True)
        ]
        late = [i for i, known in enumerate(found) if known is None]
        outcomes = self.run_many(jobs.verdict, [(settled[i], pairs[i][1], spec) for i in late])
        for i, outcome in zip(late, outcomes, strict=True):
            found[i] = None if outcome.failure else bool(outcome.value)
        return found

    def run_many(
        self,
        function: Callable[..., Any],
        calls: Sequence[tuple[Any, ...]],
        limit_s: float | None = None,
    ) -> list[Outcome]:
        """``function(*call)`` for each call, on all workers, each within ``limit_s``. Blocks.

        None: ``timeout_s``.

        ``function`` is one that another process can import; what it raises is raised here.
        """
        owner, limit = object(), self.timeout_s if limit_s is None else limit_s
        started = [self._dispatch.start(function, c, limit, owner) for c in calls]
        try:
            return [
                self._ended(work, function, call, limit)
                for call, work in zip(calls, started, strict=True)
            ]
        finally:
            for work in started:
                work.future.cancel()

    def _ended(
        self, work: Job, function: Callable[..., Any], job: tuple[Any, ...], limit_s: float
    ) -> Outcome:
        innocent = True
        while True:
            try:
                return Outcome(self._wait(work))
            except _FAILURES as error:
                if not (innocent and isinstance(error, BrokenProcessPool)):
                    return self._failed(error)
            innocent = False
            work = self._dispatch.start(function, job, limit_s, None)

    def _wait(self, job: Job) -> Any:
        while not wait([job.future], BEAT_S).done:
            self._dispatch.check()
        return job.future.result()

    def close(self) -> None:
        """Stop the workers, whatever they are doing; what waits for them fails. Blocks."""
        self._dispatch.close()

    async def _outcome(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        owner: Hashable,
        limit_s: float | None = None,
    ) -> Outcome:
        """A pool broke because of a worker that was idle: its jobs are innocent and run once more."""
        innocent = True
        while True:
            try:
                limit = self.timeout_s if limit_s is None else limit_s
                return Outcome(await self._result(function, args, limit, owner))
            except _FAILURES as error:
                if not (innocent and isinstance(error, BrokenProcessPool)):
                    return self._failed(error)
            innocent = False

    async def _result(
        self, function: Callable[..., Any], args: tuple[Any, ...], limit_s: float, owner: Hashable
    ) -> Any:
        job = self._dispatch.start(function, args, limit_s, owner)
        future = asyncio.wrap_future(job.future)
        try:
            while not (await asyncio.wait({future}, timeout=BEAT_S))[0]:
                self._dispatch.check()
            return future.result()
        finally:
            future.cancel()  # pebble kills the worker of a cancelled job that is still running

    def _failed(self, error: BaseException) -> Outcome:
        late = isinstance(error, TimeoutError)
        self.timeouts += late
        self._crashes += not late
        return Outcome(None, "timeout" if late else "crash")
