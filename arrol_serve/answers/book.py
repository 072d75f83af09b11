"""The answers of one search, clustered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from arrol_serve.answers.kinds.form import Form
from arrol_serve.answers.partition import is_ambiguous, partition
from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.reading import Reading
from arrol_serve.answers.spec import AnswerSpec


@dataclass(slots=True)
class _Shared:
    task: asyncio.Task[Form | None]
    waiting: int = 0


SYMPY_S = 0.9
"""Seconds that workers may spend on one search's formulas; what is not settled then stays apart."""


class AnswerBook:
    """Equivalent answers share one string: that of the rollout with the lowest index.

    ``add`` may be called for many rollouts at once and called off at any time: that rollout is unread
    then, nothing else is harmed. Clusters depend on the answers alone, not on the order or the timing
    of the calls, as long as sympy is in time; what it cannot settle stays apart.
    """

    def __init__(self, pool: AnswerPool, spec: AnswerSpec) -> None:
        self._pool, self._spec = pool, spec
        self.readings: dict[int, Reading] = {}
        """Rollout index -> what was read, and why."""
        self.timeouts = 0
        """Rollouts that could not be read, or compared but by spelling, in time."""
        self._shared: dict[object, _Shared] = {}
        self._lowest: dict[object, int] = {}
        self._chained = False
        """Whether an answer may join others than its equals."""
        self._clustered: dict[int, str | None] | None = None
        self._turns = asyncio.Semaphore(pool.workers)
        self._spent = 0.0

    @property
    def answers(self) -> dict[int, str | None]:
        """Rollout index -> its cluster's answer; None: it holds none."""
        if self._clustered is None:
            self._clustered = self._cluster()
        return self._clustered

    async def add(self, rollout_index: int, text: str) -> str | None:
        """Read a rollout's text; return its cluster's answer, None if it holds none."""
        reading = await self._pool.read(text, self._spec, self)
        if reading.form is not None and reading.form.hard is not None:
            form = await self._resolve(reading.form)
            late = form is None
            reading = replace(reading, form=form or reading.form, timed_out=late)
        self.readings[rollout_index] = reading
        self.timeouts += reading.timed_out
        self._clustered = None
        return self._answer(rollout_index, reading)

    def _answer(self, index: int, reading: Reading) -> str | None:
        """Without a look at all others, as long as equal forms alone make a cluster."""
        if reading.form is None:
            return None
        lowest = min(index, self._lowest.get(reading.form.own, index))
        self._lowest[reading.form.own] = lowest
        self._chained |= is_ambiguous(reading.form)
        return self.answers[index] if self._chained else self.readings[lowest].answer

    async def _resolve(self, form: Form) -> Form | None:
        """What sympy makes of it; None: not in time.

        Rollouts with one formula share its evaluation: it is called off with the last of them.
        """
        shared = self._shared.get(form.own)
        if shared is None:
            shared = _Shared(asyncio.create_task(self._within_budget(form)))
            self._shared[form.own] = shared
        shared.waiting += 1
        try:
            return await asyncio.shield(shared.task)
        finally:
            shared.waiting -= 1
            if not shared.waiting and not shared.task.done():
                shared.task.cancel()
                self._shared.pop(form.own, None)

    async def _within_budget(self, form: Form) -> Form | None:
        """None: not in time. Waiting for other searches is free."""
        async with self._turns:
            left = SYMPY_S - self._spent
            return await self._pool.resolve(form, self, left, self._charge) if left > 0 else None

    def _charge(self, seconds: float) -> None:
        self._spent += seconds

    def _cluster(self) -> dict[int, str | None]:
        order = sorted(self.readings)
        read = [(i, r.answer, r.form) for i in order if (r := self.readings[i]).form is not None]
        groups = partition([form for _, _, form in read if form is not None])
        names: dict[int, str | None] = {}
        found: dict[int, str | None] = dict.fromkeys(order)
        for (index, answer, _), group in zip(read, groups, strict=True):
            found[index] = names.setdefault(group, answer)
        return found
