"""One search plan on one question's kept rollouts: the serving code decides, in token time. Pure.

Siblings do not change each other's tokens, so that a rollout cut short is the beginning of the kept one.
Pruning is ``pruning.group``, waves and stop are ``search.course``, the vote is ``voting``.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from arrol_serve.engine.plugin.wire import GroupPlan
from arrol_serve.pruning.group import Decision, Group, told_apart
from arrol_serve.pruning.registry import policy_from_spec
from arrol_serve.pruning.threshold import sigmoid
from arrol_serve.sampling_plan import SearchPlan
from arrol_serve.search.course import Course, Launch, Stop
from arrol_serve.search.stop import ByConfidence
from arrol_serve.voting import Ballot, tally
from trainer.evaluation.tuning.recorded import Recorded

PASSED, ENDED = 0, 1
"""In this order when both happen at one token."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the plan made of one question."""

    right: bool
    tokens: int
    """Generated, those of ended and called-off candidates included."""
    clock: int
    """Decode steps from the start to the answer, were every step one token of each candidate."""
    confidence: float | None
    by_rule: bool
    """Whether the stop rule ended it; else all candidates had ended."""
    started: int


@dataclass(frozen=True, slots=True)
class End:
    """How a candidate of a wave ends, in its own tokens."""

    tokens: int
    pruned: bool
    passed: float | None
    """Its score at the last probe, if it was judged there and lives on."""


@dataclass(slots=True)
class WaveCache:
    """Waves of one question that several plans have in common: pruning does not depend on the stop."""

    question: Recorded
    known: dict[tuple[object, ...], list[End]] = field(default_factory=dict)

    def ends(self, plan: SearchPlan, wave: range) -> list[End]:
        """How each candidate of this wave of the plan ends."""
        prune = plan.prune
        if prune is None:
            return [End(self.question.tokens[i], pruned=False, passed=None) for i in wave]
        rule = (tuple(prune.policy.items()), prune.probes, prune.min_survivors)
        waves = plan.waves
        key = (rule, waves.first, waves.then, waves.growth, wave.start, wave.stop)
        if key not in self.known:
            before: list[End] = []
            start = 0
            while start < wave.start:
                part = plan.waves.after(start)
                before += self.ends(plan, part)
                start = part.stop
            self.known[key] = _pruned(self.question, plan, wave, before)
        return self.known[key]


def replay(plan: SearchPlan, cache: WaveCache) -> Replayed:
    """The search to its end. ``plan.samples`` must not exceed the kept rollouts; no deadline, no cap."""
    return _Replay(plan, cache).run()


def looked_at(plan: SearchPlan, cache: WaveCache) -> list[list[Ballot]]:
    """The ballots at each moment at which the search looked whether to stop, and at its end."""
    seen: list[list[Ballot]] = []
    rule = plan.stop_rule
    if isinstance(rule, ByConfidence):
        rule = _Watched(rule.confidence, rule.vote, rule.belief, seen=seen)
    run = _Replay(replace(plan, stop_rule=rule), cache)
    return seen if run.run().by_rule else [*seen, run.ballots()]


@dataclass(frozen=True, slots=True)
class _Watched(ByConfidence):
    """A stop rule that keeps what it is shown."""

    seen: list[list[Ballot]] = field(default_factory=list)

    def settled(self, ballots: Sequence[Ballot], outstanding: int) -> bool:
        self.seen.append(list(ballots))
        return ByConfidence.settled(self, ballots, outstanding)


class _Replay:
    def __init__(self, plan: SearchPlan, cache: WaveCache) -> None:
        self._plan, self._cache, self._question = plan, cache, cache.question
        self._course = Course(plan.waves, plan.stop_rule)
        self._adaptive = plan.stop_rule is not None
        self._events: list[tuple[int, int, int]] = []
        self._starts: dict[int, int] = {}
        self._ends: dict[int, End] = {}
        self._running: set[int] = set()

    def run(self) -> Replayed:
        self._launch(self._course.begin())
        at, stop = 0, None
        while self._events and stop is None:
            at = self._events[0][0]
            while self._events and self._events[0][0] == at:
                _, kind, index = heapq.heappop(self._events)
                self._tell(kind, index)
            stop = self._decide(at) if self._adaptive else None
        return self._outcome(at, stop)

    def _launch(self, wave: Launch) -> None:
        ends = self._cache.ends(self._plan, wave.candidates)
        for index, end in zip(wave.candidates, ends, strict=True):
            self._starts[index], self._ends[index] = wave.at, end
            self._running.add(index)
            heapq.heappush(self._events, (wave.at + end.tokens, ENDED, index))
            if end.passed is not None and self._plan.prune is not None:
                heapq.heappush(self._events, (wave.at + self._plan.prune.probes[-1], PASSED, index))

    def _tell(self, kind: int, index: int) -> None:
        end = self._ends[index]
        if kind == PASSED:
            assert end.passed is not None  # noqa: S101  # or there is no such event
            self._course.passed(index, sigmoid(end.passed))
            return
        self._running.discard(index)
        ballot = None if end.pruned else self._question.ballots[index]
        self._course.ended(index, end.tokens, ballot)

    def _decide(self, at: int) -> Stop | None:
        """What follows once everybody who runs is past this moment."""
        for index in self._running:
            self._course.generated(index, at + 1 - self._starts[index])
        while (decision := self._course.next()) is not None:
            if isinstance(decision, Stop):
                return decision
            self._launch(decision)
        return None

    def _outcome(self, at: int, stop: Stop | None) -> Replayed:
        counted = self._starts.keys() if stop is None else stop.counted
        over = stop.at if stop is not None else at
        ballots = [b for i in sorted(counted) if (b := self._ballot(i)) is not None]
        result = tally(ballots, self._plan.vote, self._plan.belief)
        winner = result.standings[0].best if result.standings else None
        return Replayed(
            right=winner is not None and self._question.right[winner],
            tokens=sum(min(self._ends[i].tokens, over - s) for i, s in self._starts.items()),
            clock=over,
            confidence=result.confidence,
            by_rule=stop is not None,
            started=len(self._starts),
        )

    def ballots(self) -> list[Ballot]:
        """The ballots of all that were started, once the search is over."""
        return [b for i in sorted(self._starts) if (b := self._ballot(i)) is not None]

    def _ballot(self, index: int) -> Ballot | None:
        return None if self._ends[index].pruned else self._question.ballots[index]


def _pruned(question: Recorded, plan: SearchPlan, wave: range, before: Sequence[End]) -> list[End]:
    """The wave through the scheduler's own group: its members start together and step together."""
    prune = plan.prune
    assert prune is not None  # noqa: S101  # the caller looked
    group = Group(_group_plan(question, plan, wave, before))
    for place in range(len(wave)):
        group.join(place)
    for place in range(len(wave)):
        group.begin(place)
    decisions: list[Decision] = []
    gone: set[int] = set()
    for tokens, at_probe, place in _steps(question, wave, prune.probes):
        if place in gone:
            continue
        if at_probe:
            made = group.observe(place, tokens, question.scores[wave[place]][tokens])
        else:
            made = group.leave(place, pruned=False)
        decisions += made
        gone |= {d.index for d in made if not d.verdict.survives}
    return _ends(question, wave, prune.probes, decisions)


def _steps(question: Recorded, wave: range, probes: Sequence[int]) -> list[tuple[int, bool, int]]:
    """(tokens, whether it is at a probe or else ends, place) of all that the group hears, in order: of
    one step the scheduler sees first who ended, then who came to a probe.
    """
    steps = []
    for place, index in enumerate(wave):
        steps += [(p, True, place) for p in probes if p in question.scores[index]]
        steps.append((question.tokens[index], False, place))
    return sorted(steps)


def _ends(
    question: Recorded, wave: range, probes: Sequence[int], decisions: Sequence[Decision]
) -> list[End]:
    cut = {d.index: d.tokens for d in decisions if not d.verdict.survives}
    judged = {d.index: d.score for d in decisions if d.tokens >= probes[-1]}
    return [
        End(cut[place], pruned=True, passed=None)
        if place in cut
        else End(question.tokens[index], pruned=False, passed=judged.get(place))
        for place, index in enumerate(wave)
    ]


def _group_plan(
    question: Recorded, plan: SearchPlan, wave: range, before: Sequence[End]
) -> Mapping[str, object]:
    prune = plan.prune
    assert prune is not None  # noqa: S101  # the caller looked
    survivors = sum(not end.pruned for end in before)
    ranked = policy_from_spec(prune.policy).waits
    reached = [
        [
            told_apart(i, question.scores[i][p]) if ranked else question.scores[i][p]
            for i, end in enumerate(before)
            if _was_judged(question, i, end, p)
        ]
        for p in prune.probes
    ]
    group = GroupPlan(
        search=question.id,
        size=len(wave),
        candidates=plan.samples,
        started=wave.start,
        probes=prune.probes,
        earlier=reached,
        policy=prune.policy,
        min_survivors=max(0, prune.min_survivors - survivors),
    )
    return group.member(0)


def _was_judged(question: Recorded, index: int, end: End, probe: int) -> bool:
    return probe in question.scores[index] and end.tokens >= probe
