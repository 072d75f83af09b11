"""The file to read first: a plan becomes candidates, candidates answers, answers a vote.

Async, without HTTP and without vLLM: the engine is a ``CandidateSampler``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from arrol_serve.answers.book import AnswerBook
from arrol_serve.engine.base import CandidateSampler
from arrol_serve.errors import ArrolError, DeadlineExceeded, EngineUnavailable
from arrol_serve.pruning.schedule import saved_estimate
from arrol_serve.rollout import Fate, Rollout
from arrol_serve.sampling_plan import SearchPlan
from arrol_serve.voting import Ballot, Tally, decided, tally

StopCause = Literal["all_done", "agreement", "deadline", "budget"]


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
    tally: Tally
    ranked: tuple[int, ...]
    """Rollouts to return, best first: one for each distinct answer."""
    stop: StopCause
    votable: bool
    """False: no rollout held an answer, and the best one is returned as it is."""
    saved_estimate: int
    """Tokens that pruned and cancelled rollouts would have cost, at the mean finished length."""
    verifier_timeouts: int
    latency_ms: int
    vote_seconds: float
    """Spent on reading and comparing answers."""


@dataclass(slots=True)
class _Search:
    """The state of one search."""

    plan: SearchPlan
    book: AnswerBook
    rollouts: list[Rollout] = field(default_factory=list)
    stop: StopCause | None = None
    vote_seconds: float = 0.0

    def ballots(self) -> list[Ballot]:
        return [self._ballot(r) for r in self.rollouts if r.votes]

    def _ballot(self, rollout: Rollout) -> Ballot:
        by_head = self.plan.scorer == "head"
        return Ballot(
            rollout=rollout.index,
            answer=self.book.answers.get(rollout.index),
            quality=rollout.quality if by_head else rollout.confidence,
            confidence=rollout.confidence,
        )

    async def take(self, rollout: Rollout) -> None:
        self.rollouts.append(rollout)
        if rollout.votes:
            began = time.monotonic()
            await self.book.add(rollout.index, rollout.text)
            self.vote_seconds += time.monotonic() - began

    def settled(self, outstanding: int) -> bool:
        """Whether the vote is decided, so that the rest need not be sampled."""
        if self.plan.agreement is None:
            return False
        current = tally(self.ballots(), self.plan.vote)
        return decided(current, outstanding, self.plan.agreement)

    def progress(self, running: int) -> Progress:
        current = tally(self.ballots(), self.plan.vote)
        leader = current.standings[0].answer if current.standings else None
        count = {fate: sum(r.fate is fate for r in self.rollouts) for fate in Fate}
        return Progress(
            count[Fate.FINISHED], count[Fate.PRUNED], running, leader, current.agreement
        )


async def search(
    candidates: CandidateSampler,
    book: AnswerBook,
    plan: SearchPlan,
    *,
    choices: int = 1,
    listener: Callable[[Progress], None] | None = None,
) -> SearchOutcome:
    """Sample, prune and vote; return up to ``choices`` rollouts with distinct answers.

    Raises ``DeadlineExceeded`` when the deadline passes before any rollout is usable. Whatever
    happens, no candidate outlives the call.
    """
    started = time.monotonic()
    state = _Search(plan, book)
    try:
        for wave in _waves(plan):
            await candidates.launch(wave)
            await _collect(candidates, state, plan.samples - wave.stop, started, listener)
            if state.stop is not None:
                break
    finally:
        await candidates.close()
    return _outcome(state, choices, started)


def _waves(plan: SearchPlan) -> list[range]:
    """Adaptive searches look at ``min_samples`` candidates before they pay for the rest."""
    if plan.agreement is None or plan.min_samples >= plan.samples:
        return [range(plan.samples)]
    return [range(plan.min_samples), range(plan.min_samples, plan.samples)]


async def _collect(
    candidates: CandidateSampler,
    state: _Search,
    still_to_launch: int,
    started: float,
    listener: Callable[[Progress], None] | None,
) -> None:
    while candidates.running:
        rollout = await candidates.next_ended(_time_left(state, started))
        if rollout is None:
            state.stop = "deadline"
            await candidates.cancel()
            continue
        await state.take(rollout)
        outstanding = candidates.running + still_to_launch
        if state.stop is None and outstanding and state.settled(outstanding):
            state.stop = "agreement"
            await candidates.cancel()
        if listener is not None:
            listener(state.progress(candidates.running))
    spent = sum(r.token_count for r in state.rollouts)
    cap = state.plan.max_total_tokens
    if state.stop is None and cap is not None and spent >= cap:
        state.stop = "budget"


def _time_left(state: _Search, started: float) -> float | None:
    if state.plan.deadline_s is None or state.stop is not None:
        return None
    return max(0.0, started + state.plan.deadline_s - time.monotonic())


def _outcome(state: _Search, choices: int, started: float) -> SearchOutcome:
    rollouts = tuple(sorted(state.rollouts, key=lambda r: r.index))
    result = tally(state.ballots(), state.plan.vote)
    finished = [r.token_count for r in rollouts if r.fate is Fate.FINISHED]
    cut = [r.token_count for r in rollouts if r.fate in (Fate.PRUNED, Fate.CANCELLED)]
    return SearchOutcome(
        plan=state.plan,
        rollouts=rollouts,
        answers=dict(state.book.answers),
        tally=result,
        ranked=_ranked(state, result, rollouts)[:choices],
        stop=state.stop or "all_done",
        votable=bool(result.standings),
        saved_estimate=saved_estimate(cut, finished),
        verifier_timeouts=state.book.timeouts,
        latency_ms=round((time.monotonic() - started) * 1000),
        vote_seconds=state.vote_seconds,
    )


def _ranked(state: _Search, result: Tally, rollouts: tuple[Rollout, ...]) -> tuple[int, ...]:
    if result.standings:
        first = (result.winner,) if result.winner is not None else ()
        return (*first, *(s.best for s in result.standings if s.best not in first))
    usable = [r for r in rollouts if r.votes]
    usable = usable or [r for r in rollouts if r.fate is Fate.TRUNCATED]
    if not usable:
        raise _nothing_usable(state)

    def worth(rollout: Rollout) -> tuple[float, int]:
        signal = rollout.quality if state.plan.scorer == "head" else rollout.confidence
        return (-(signal if signal is not None else 0.0), rollout.index)

    return tuple(r.index for r in sorted(usable, key=worth))


def _nothing_usable(state: _Search) -> ArrolError:
    if state.stop != "deadline":
        return EngineUnavailable(
            "All candidates were aborted, and not by this request: the engine is being paused, or "
            "ends. Try again."
        )
    return DeadlineExceeded(
        f"No candidate had finished when the deadline of {state.plan.deadline_s:.3g} s passed. "
        "Raise arrol.deadline_s, or lower arrol.samples or max_tokens.",
        param="arrol.deadline_s",
    )
