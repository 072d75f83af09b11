"""The file to read first: a plan becomes candidates, candidates answers, answers a vote.

Async, without HTTP and without vLLM: the engine is a ``CandidateSampler``. When to start more candidates
and when to stop is decided by ``search.course``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from arrol_serve.answers.book import AnswerBook
from arrol_serve.answers.reading import Reading
from arrol_serve.engine.base import CandidateSampler, Event, Passed
from arrol_serve.pruning.threshold import sigmoid
from arrol_serve.rollout import Fate, ProbeScore, Rollout
from arrol_serve.sampling_plan import SearchPlan
from arrol_serve.search.course import Course, Launch, Stop
from arrol_serve.search.progress import Listener, Progress, standing, watched
from arrol_serve.search.reader import Reader
from arrol_serve.search.state import SearchState
from arrol_serve.search.stop import StopCause, nothing_usable
from arrol_serve.voting import Tally

READING_S = 0.25
"""Seconds past the deadline for the answers of candidates that ended just before it."""
DRAIN_S = 1.0
"""Seconds, at most, after which candidates that were called off before the engine knew them are so again."""


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """The result of a search."""

    plan: SearchPlan
    rollouts: tuple[Rollout, ...]
    """Every candidate that was started, by index."""
    answers: Mapping[int, str | None]
    """The answer of each rollout that was read; equivalent answers share one string."""
    readings: Mapping[int, Reading]
    """How each of them was read."""
    tally: Tally
    ranked: tuple[int, ...]
    """Rollouts to return, best first: one for each distinct answer."""
    stop: StopCause
    votable: bool
    """False: no rollout held an answer, and the best one is returned as it is."""
    wave_of: tuple[int, ...]
    """By rollout: the number of its wave."""
    saved_estimate: int
    """Tokens that pruned and cancelled rollouts would have cost, at the mean finished length."""
    verifier_timeouts: int
    """Answers that could not be read or compared in time."""
    latency_ms: int
    vote_seconds: float
    """Spent on reading and comparing answers, while nothing was generated or beside it."""

    @property
    def waves(self) -> int:
        """How often candidates were started."""
        return self.wave_of[-1] + 1


async def search(
    candidates: CandidateSampler,
    book: AnswerBook,
    plan: SearchPlan,
    *,
    choices: int = 1,
    listener: Listener | None = None,
    holds: Callable[[int], None] | None = None,
    generated: Callable[[], None] | None = None,
) -> SearchOutcome:
    """Sample, prune and vote; return up to ``choices`` rollouts with distinct answers.

    ``listener`` is called a few times a second with how it stands, and at the end; ``holds`` at each launch
    with the number of candidates in the engine; ``generated`` once nothing more will be generated: reading
    the last answers needs no engine.
    Raises ``DeadlineExceeded`` when the deadline passes before any rollout is usable, and
    ``EngineUnavailable`` if others aborted all of them. Whatever happens, no candidate outlives the
    call.
    """
    run = _Search(candidates, book, plan, holds)
    try:
        async with watched(run.progress, listener):
            await run.sample()
            if generated is not None:
                generated()
            await run.read_the_rest()
    finally:
        run.reader.stop()
        await candidates.close()
    outcome = run.outcome(choices)
    if listener is not None:
        listener(replace(run.progress(), stop=outcome.stop))
    return outcome


class _Search:
    """The course of one search."""

    def __init__(
        self,
        candidates: CandidateSampler,
        book: AnswerBook,
        plan: SearchPlan,
        holds: Callable[[int], None] | None,
    ) -> None:
        self._candidates, self._book, self._plan, self._holds = candidates, book, plan, holds
        self._course = Course(plan.waves, plan.stop_rule)
        self._state = SearchState(book, plan.vote, plan.belief, by_head=plan.scorer == "head")
        self.reader = Reader(book)
        self._began = time.monotonic()
        self._stop: StopCause | None = None
        self._unread = 0

    async def sample(self) -> None:
        """Start candidates until the course, the deadline or the cap says that it is enough."""
        await self._launch(self._course.begin())
        event: asyncio.Task[Event] | None = None
        try:
            while self._stop is None and self._goes_on:
                self._candidates.wants_moves = self._course.waiting
                if event is None and self._state.live:
                    event = asyncio.create_task(self._candidates.next_event())
                awaited = {*self.reader.tasks, *([event] if event else [])}
                done, _ = await asyncio.wait(
                    awaited, timeout=self._time_left(), return_when=asyncio.FIRST_COMPLETED
                )
                if event in done:
                    self._take(event.result())
                    event = None
                    while self._candidates.pending:  # or tokens run ahead of what they led to
                        self._take(await self._candidates.next_event())
                self._collect(done)
                if self._time_left() == 0:
                    self._stop = "deadline"
                await self._decide()
            if event is not None and not event.cancel():  # it happened meanwhile
                self._take(event.result())
        finally:
            if event is not None:
                event.cancel()
        await self._call_off()

    @property
    def _goes_on(self) -> bool:
        """Whether something may still come of it."""
        return bool(self._state.live or (self.reader.tasks and self._course.more))

    def _take(self, event: Event) -> None:
        if isinstance(event, Rollout):
            self._ended(event)
        elif isinstance(event, Passed):
            self._passed(event.index, event.probes)

    def _passed(self, index: int, probes: tuple[ProbeScore, ...]) -> None:
        """A candidate survives a probe; the course takes note once it is past the last one."""
        if index in self._state.live:
            self._state.probes[index] = probes
        prune = self._plan.prune
        if prune is not None and len(probes) == len(prune.probes):
            score = probes[-1].score
            self._course.passed(index, sigmoid(score) if self._state.by_head else None)

    def _ended(self, rollout: Rollout) -> None:
        self._state.ended(rollout)
        if rollout.fate is not Fate.PRUNED:
            self._passed(rollout.index, rollout.probes)
        if rollout.votes:
            self.reader.start(rollout)
        else:
            self._tell_course(rollout)

    def _collect(self, done: set[asyncio.Task[object]]) -> None:
        """Take over what has been read."""
        for index in self.reader.take(done):
            self._tell_course(self._state.rollouts[index])

    def _tell_course(self, rollout: Rollout) -> None:
        pruned = rollout.fate is Fate.PRUNED
        tokens = rollout.probes[-1].tokens if pruned else rollout.token_count
        ballot = self._state.ballot(rollout) if rollout.votes else None
        self._course.ended(rollout.index, tokens, ballot)

    async def _decide(self) -> None:
        """Do what follows from what is known."""
        if self._plan.stop_rule is None or self._stop is not None:
            return
        for index in self._state.live:
            self._course.generated(index, self._certain(index))
        for ballot in self._state.ballots():  # another spelling may stand for an answer by now
            self._course.revise(ballot.rollout, ballot)
        while (decision := self._course.next()) is not None:
            if isinstance(decision, Stop):
                self._stop = decision.reason
                self._state.uncount(decision.counted)
                return
            if self._cap_reached() or self._state.aborted:
                self._stop = "aborted" if self._state.aborted else "budget"
                return
            await self._launch(decision)

    def _certain(self, index: int) -> int:
        """Tokens that a running candidate keeps: while it waits at a probe, those beyond may be void."""
        tokens, judged = self._candidates.tokens(index), len(self._state.probes.get(index, ()))
        probes = self._plan.prune.probes if self._plan.prune else ()
        return tokens if judged >= len(probes) else min(tokens, probes[judged])

    async def _launch(self, wave: Launch) -> None:
        await self._candidates.launch(wave.candidates)
        self._state.launched(wave.candidates)
        if self._holds is not None:
            self._holds(len(self._state.live))

    def _cap_reached(self) -> bool:
        cap = self._plan.max_total_tokens
        if cap is None:
            return False
        ended = sum(r.token_count for r in self._state.rollouts.values())
        return ended + sum(map(self._candidates.tokens, self._state.live)) >= cap

    async def _call_off(self) -> None:
        """End what still runs; its tokens count, and what ended by itself just now still votes."""
        patience = DRAIN_S / 128
        while self._candidates.running:
            await self._candidates.cancel()
            patience = min(DRAIN_S, 2 * patience)
            try:
                async with asyncio.timeout(patience):
                    while self._candidates.running:
                        event = await self._candidates.next_event()
                        if isinstance(event, Rollout):
                            self._late(event)
            except TimeoutError:
                continue

    def _late(self, rollout: Rollout) -> None:
        if self._stop in ("confidence", "agreement") and rollout.votes:
            rollout = replace(rollout, fate=Fate.CANCELLED)  # the decision was made without it
        self._ended(rollout)

    async def read_the_rest(self) -> None:
        """Finish reading, within the deadline; a decision has read all that it counts."""
        if self._stop in ("confidence", "agreement"):
            return
        left = self._time_left()
        limit = None if left is None else left + READING_S
        if self.reader.tasks:
            done, _ = await asyncio.wait(self.reader.tasks, timeout=limit)
            self._collect(done)
        self._unread = len(self.reader.unread)
        if self._unread and self._stop is None:
            self._stop = "deadline"
        if self._stop is None and self._cap_reached():
            self._stop = "budget"

    def _time_left(self) -> float | None:
        if self._plan.deadline_s is None:
            return None
        return max(0.0, self._began + self._plan.deadline_s - time.monotonic())

    def progress(self) -> Progress:
        """How it stands."""
        return standing(self._state, self._candidates.tokens, self._elapsed_ms())

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

    def outcome(self, choices: int) -> SearchOutcome:
        """Raises ``DeadlineExceeded`` or ``EngineUnavailable`` where there is nothing to return."""
        rollouts = tuple(self._state.rollouts[index] for index in sorted(self._state.rollouts))
        result = self._state.count()
        ranked = self._state.ranked(result)
        if not ranked:
            raise nothing_usable(self._stop, self._plan.deadline_s)
        counted = {r.index for r in rollouts if r.votes}
        return SearchOutcome(
            plan=self._plan,
            rollouts=rollouts,
            answers={i: answer for i, answer in self._book.answers.items() if i in counted},
            readings=dict(self._book.readings),
            tally=result,
            ranked=ranked[:choices],
            stop=self._stop or "all_done",
            votable=bool(result.standings),
            wave_of=tuple(self._state.wave_of),
            saved_estimate=self._state.saved_estimate,
            verifier_timeouts=self._book.timeouts + self._unread,
            latency_ms=self._elapsed_ms(),
            vote_seconds=self.reader.seconds,
        )
