"""The file to read first: a plan becomes candidates, candidates answers, answers a vote.

Async, without HTTP and without vLLM: the engine is a ``CandidateSampler``. When to start more candidates
and when to stop is decided by ``search.course``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from arrol_serve.answers.book import AnswerBook
from arrol_serve.answers.reading import Reading
from arrol_serve.engine.base import CandidateSampler, Event, Passed
from arrol_serve.errors import ArrolError, DeadlineExceeded, EngineUnavailable
from arrol_serve.pruning.schedule import saved_estimate
from arrol_serve.pruning.threshold import sigmoid
from arrol_serve.rollout import Fate, ProbeScore, Rollout
from arrol_serve.sampling_plan import SearchPlan
from arrol_serve.search.course import Course, Launch, Stop
from arrol_serve.voting import Ballot, Tally, tally

StopCause = Literal["all_done", "confidence", "agreement", "deadline", "budget", "aborted"]
"""``aborted``: others called candidates off, so no more were started."""

READING_S = 0.25
"""Seconds past the deadline for the answers of candidates that ended just before it."""
DRAIN_S = 1.0
"""Seconds, at most, after which candidates that were called off before the engine knew them are so again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a search stands, for progress streams."""

    finished: int
    pruned: int
    running: int
    leader: str | None
    agreement: float | None


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """All that a search found."""

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
    waves: int
    """How often candidates were started."""
    saved_estimate: int
    """Tokens that pruned and cancelled rollouts would have cost, at the mean finished length."""
    verifier_timeouts: int
    """Answers that could not be read or compared in time."""
    latency_ms: int
    vote_seconds: float
    """Spent on reading and comparing answers, while nothing was generated or beside it."""


async def search(
    candidates: CandidateSampler,
    book: AnswerBook,
    plan: SearchPlan,
    *,
    choices: int = 1,
    listener: Callable[[Progress], None] | None = None,
    holds: Callable[[int], None] | None = None,
    generated: Callable[[], None] | None = None,
) -> SearchOutcome:
    """Sample, prune and vote; return up to ``choices`` rollouts with distinct answers.

    ``holds`` hears at each launch how many candidates are in the engine; ``generated`` is called once
    nothing more will be: reading the last answers needs no engine.
    Raises ``DeadlineExceeded`` when the deadline passes before any rollout is usable, and
    ``EngineUnavailable`` if others aborted all of them. Whatever happens, no candidate outlives the
    call.
    """
    run = _Search(candidates, book, plan, listener, holds)
    try:
        await run.sample()
        if generated is not None:
            generated()
        await run.read_the_rest()
    finally:
        run.stop_reading()
        await candidates.close()
    return run.outcome(choices)


class _Search:
    """The state of one search."""

    def __init__(
        self,
        candidates: CandidateSampler,
        book: AnswerBook,
        plan: SearchPlan,
        listener: Callable[[Progress], None] | None,
        holds: Callable[[int], None] | None,
    ) -> None:
        self._candidates, self._book, self._plan = candidates, book, plan
        self._listener, self._holds = listener, holds
        self._course = Course(plan.waves, plan.stop_rule)
        self._began = time.monotonic()
        self._rollouts: dict[int, Rollout] = {}
        self._live: set[int] = set()
        self._reading: dict[asyncio.Task[object], int] = {}
        self._unread: set[int] = set()
        self._stop: StopCause | None = None
        self._waves = 0
        self._vote_seconds = 0.0

    async def sample(self) -> None:
        """Start candidates until the course, the deadline or the cap says that it is enough."""
        await self._launch(self._course.begin())
        event: asyncio.Task[Event] | None = None
        try:
            while self._stop is None and (self._live or (self._reading and self._course.more)):
                self._candidates.wants_moves = self._course.waiting
                if event is None and self._live:
                    event = asyncio.create_task(self._candidates.next_event())
                awaited = {*self._reading, *([event] if event else [])}
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
    def _adaptive(self) -> bool:
        return self._plan.stop_rule is not None

    def _take(self, event: Event) -> None:
        if isinstance(event, Rollout):
            self._ended(event)
        elif isinstance(event, Passed):
            self._passed(event.index, event.probes)

    @property
    def _probes(self) -> tuple[int, ...]:
        return self._plan.prune.probes if self._plan.prune else ()

    def _passed(self, index: int, probes: tuple[ProbeScore, ...]) -> None:
        """A candidate lives on; the course hears of it once it is past the last probe."""
        if self._probes and len(probes) == len(self._probes):
            self._course.passed(index, self._probability(probes[-1].score))

    def _probability(self, score: float) -> float | None:
        return sigmoid(score) if self._plan.scorer == "head" else None

    def _ended(self, rollout: Rollout) -> None:
        self._rollouts[rollout.index] = rollout
        self._live.discard(rollout.index)
        if rollout.fate is not Fate.PRUNED:
            self._passed(rollout.index, rollout.probes)
        if rollout.votes:
            task = asyncio.create_task(self._read(rollout))
            self._reading[task] = rollout.index
        else:
            self._tell_course(rollout)
        self._tell()

    async def _read(self, rollout: Rollout) -> None:
        began = time.monotonic()
        await self._book.add(rollout.index, rollout.text)
        self._vote_seconds += time.monotonic() - began

    def _collect(self, done: set[asyncio.Task[object]]) -> None:
        """Take over what has been read."""
        for task in done & self._reading.keys():
            index = self._reading.pop(task)
            task.result()
            self._tell_course(self._rollouts[index])
            self._tell()

    def _tell_course(self, rollout: Rollout) -> None:
        pruned = rollout.fate is Fate.PRUNED
        tokens = rollout.probes[-1].tokens if pruned else rollout.token_count
        self._course.ended(rollout.index, tokens, self._ballot(rollout) if rollout.votes else None)

    async def _decide(self) -> None:
        """Do what follows from what is known."""
        if not self._adaptive or self._stop is not None:
            return
        for index in self._live:
            self._course.generated(index, self._candidates.tokens(index))
        for ballot in self._ballots():  # another spelling may stand for an answer by now
            self._course.revise(ballot.rollout, ballot)
        while (decision := self._course.next()) is not None:
            if isinstance(decision, Stop):
                self._stop = decision.reason
                self._uncount(decision.counted)
                return
            if self._cap_reached() or self._aborted:
                self._stop = "aborted" if self._aborted else "budget"
                return
            await self._launch(decision)

    async def _launch(self, wave: Launch) -> None:
        self._waves += 1
        self._live.update(wave.candidates)
        await self._candidates.launch(wave.candidates)
        if self._holds is not None:
            self._holds(len(self._live))
        self._tell()

    @property
    def _aborted(self) -> bool:
        """Whether somebody else has called candidates off: nothing was yet by this search."""
        return any(r.fate is Fate.CANCELLED for r in self._rollouts.values())

    def _uncount(self, counted: frozenset[int]) -> None:
        """Candidates that ended beside the decision are as good as called off."""
        for index, rollout in self._rollouts.items():
            if index not in counted and rollout.votes:
                self._rollouts[index] = replace(rollout, fate=Fate.CANCELLED)

    def _cap_reached(self) -> bool:
        cap = self._plan.max_total_tokens
        if cap is None:
            return False
        ended = sum(r.token_count for r in self._rollouts.values())
        return ended + sum(map(self._candidates.tokens, self._live)) >= cap

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
        if self._reading:
            done, _ = await asyncio.wait(set(self._reading), timeout=limit)
            self._collect(done)
        self._unread = set(self._reading.values())
        if self._unread and self._stop is None:
            self._stop = "deadline"
        if self._stop is None and self._cap_reached():
            self._stop = "budget"

    def stop_reading(self) -> None:
        """Let go of the answers that nobody waits for any more."""
        for task in self._reading:
            task.cancel()

    def _time_left(self) -> float | None:
        if self._plan.deadline_s is None:
            return None
        return max(0.0, self._began + self._plan.deadline_s - time.monotonic())

    def _ballots(self) -> list[Ballot]:
        read = [r for r in self._rollouts.values() if r.votes and r.index in self._book.answers]
        return [self._ballot(rollout) for rollout in read]

    def _ballot(self, rollout: Rollout) -> Ballot:
        by_head = self._plan.scorer == "head"
        return Ballot(
            rollout=rollout.index,
            answer=self._book.answers.get(rollout.index),
            quality=rollout.quality if by_head else rollout.confidence,
            confidence=rollout.confidence,
        )

    def _count(self) -> Tally:
        return tally(self._ballots(), self._plan.vote, self._plan.belief)

    def _tell(self) -> None:
        if self._listener is None:
            return
        current = self._count()
        leader = current.standings[0].answer if current.standings else None
        ended = [rollout.fate for rollout in self._rollouts.values()]
        finished, pruned = (ended.count(fate) for fate in (Fate.FINISHED, Fate.PRUNED))
        self._listener(Progress(finished, pruned, len(self._live), leader, current.agreement))

    def outcome(self, choices: int) -> SearchOutcome:
        """Raises ``DeadlineExceeded`` or ``EngineUnavailable`` where there is nothing to return."""
        rollouts = tuple(self._rollouts[index] for index in sorted(self._rollouts))
        result = self._count()
        finished = [r.token_count for r in rollouts if r.fate is Fate.FINISHED]
        cut = [r.token_count for r in rollouts if r.fate in (Fate.PRUNED, Fate.CANCELLED)]
        counted = {r.index for r in rollouts if r.votes}
        return SearchOutcome(
            plan=self._plan,
            rollouts=rollouts,
            answers={i: answer for i, answer in self._book.answers.items() if i in counted},
            readings=dict(self._book.readings),
            tally=result,
            ranked=self._ranked(result, rollouts)[:choices],
            stop=self._stop or "all_done",
            votable=bool(result.standings),
            waves=self._waves,
            saved_estimate=saved_estimate(cut, finished),
            verifier_timeouts=self._book.timeouts + len(self._unread),
            latency_ms=round((time.monotonic() - self._began) * 1000),
            vote_seconds=self._vote_seconds,
        )

    def _ranked(self, result: Tally, rollouts: tuple[Rollout, ...]) -> tuple[int, ...]:
        if result.standings:
            first = (result.winner,) if result.winner is not None else ()
            return (*first, *(s.best for s in result.standings if s.best not in first))
        usable = [r for r in rollouts if r.votes]
        usable = usable or [r for r in rollouts if r.fate is Fate.TRUNCATED]
        if not usable:
            raise self._nothing_usable()

        def worth(rollout: Rollout) -> tuple[float, int]:
            signal = rollout.quality if self._plan.scorer == "head" else rollout.confidence
            return (-(signal if signal is not None else 0.0), rollout.index)

        return tuple(r.index for r in sorted(usable, key=worth))

    def _nothing_usable(self) -> ArrolError:
        if self._stop != "deadline":
            return EngineUnavailable(
                "All candidates were aborted, and not by this request: the engine is being paused, "
                "or ends. Try again."
            )
        return DeadlineExceeded(
            f"No candidate had finished when the deadline of {self._plan.deadline_s:.3g} s passed. "
            "Raise arrol.deadline_s, or lower arrol.samples or max_tokens.",
            param="arrol.deadline_s",
        )
