"""When to start more candidates and when to stop: the decisions of one search, in token time.

A candidate's clock counts its own generated tokens from the moment its wave was started, so what is
known at a moment, and what follows from it, does not depend on how fast an engine is, in which order
candidates come back, or how long their answers took to read. The pipeline feeds a ``Course`` what the
engine reports, a replay what it has recorded; both get the same decisions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from arrol_serve.search.stop import Reason, StopRule
from arrol_serve.voting import Ballot


@dataclass(frozen=True, slots=True)
class Waves:
    """How a search grows: ``first`` candidates, then ``then`` at a time or more, up to ``samples``."""

    samples: int
    first: int
    then: int
    probe: int | None = None
    """Tokens at the last probe, where a wave has been judged; None: there is none."""
    growth: float = 0.0
    """A later wave is at least this share of what has been started: a search that goes on for long is
    likely to go on, and few large waves take less time than many small ones.
    """

    def after(self, started: int) -> range:
        """The wave that follows when ``started`` candidates have been."""
        size = max(self.then, int(self.growth * started)) if started else self.first
        return range(started, min(self.samples, started + size))


@dataclass(frozen=True, slots=True)
class Launch:
    """Start these candidates."""

    candidates: range
    at: int
    """Token time."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The answer stands; only the ballots of ``counted`` enter the vote."""

    reason: Reason
    counted: frozenset[int]
    at: int


@dataclass(slots=True)
class _Candidate:
    wave: int
    start: int
    tokens: int = 0
    """Tokens that it is known to have generated."""
    passed: float | None = None
    """Probability of being right at the last probe, once it has been judged there and lives on."""
    ended: bool = False
    ballot: Ballot | None = None

    @property
    def clock(self) -> int:
        return self.start + self.tokens


@dataclass(slots=True)
class Course:
    """One search. Without a ``rule`` there is one wave, and no decision."""

    waves: Waves
    rule: StopRule | None
    _all: list[_Candidate] = field(default_factory=list)
    _running: set[int] = field(default_factory=set)
    _latest: int = -1
    """The wave that was started last."""
    _moments: set[tuple[int, int]] = field(default_factory=set)
    """(token time, wave) to be looked at: of candidates that ended, of waves that were judged."""
    _judged_waves: set[int] = field(default_factory=set)

    def begin(self) -> Launch:
        """The first wave. Call it once, first."""
        return self._launch(self.waves.after(0), 0)

    def generated(self, index: int, tokens: int) -> None:
        """A running candidate has at least so many tokens."""
        self._all[index].tokens = tokens

    def passed(self, index: int, probability: float | None) -> None:
        """A candidate was judged at the last probe and lives on. None: it has no score."""
        candidate = self._all[index]
        if candidate.passed is None:
            candidate.passed = math.nan if probability is None else probability
            if self.rule is not None:
                self._note_judged(candidate.wave)

    def ended(self, index: int, tokens: int, ballot: Ballot | None) -> None:
        """A candidate ended after ``tokens``, and its answer has been read; None: it has no vote.

        If it lived on after the last probe, ``passed`` comes first.
        """
        candidate = self._all[index]
        candidate.tokens, candidate.ended, candidate.ballot = tokens, True, ballot
        self._running.discard(index)
        if self.rule is not None:
            self._moments.add((candidate.clock, candidate.wave))
            self._note_for_latest(candidate)
            self._note_judged(candidate.wave)

    def revise(self, index: int, ballot: Ballot) -> None:
        """The ballot of a candidate that has ended says the same in other words."""
        self._all[index].ballot = ballot

    def next(self) -> Launch | Stop | None:
        """What follows from what is known; ask again until it is None.

        A wave's moments come when all that runs in it and in earlier waves is past them: later waves
        may still queue, and are neither waited for nor counted.
        """
        for moment in sorted(self._moments):
            if self._reached(*moment):
                self._moments.discard(moment)
                decision = self._look(*moment)
                if decision is not None:
                    return decision
        return None

    @property
    def more(self) -> bool:
        """Whether candidates may still be started."""
        return bool(self.waves.after(len(self._all)))

    @property
    def waiting(self) -> bool:
        """Whether something is known that running candidates have not come to yet."""
        return bool(self._moments)

    def _note_for_latest(self, candidate: _Candidate) -> None:
        """What ends in an earlier wave may be what the latest one waits for."""
        if candidate.clock > self._all[-1].start:
            self._moments.add((candidate.clock, self._latest))

    def _note_judged(self, wave: int) -> None:
        if self.waves.probe is None or wave != self._latest or wave in self._judged_waves:
            return
        members = [c for c in self._all if c.wave == wave]
        if all(c.ended or c.passed is not None for c in members):
            self._judged_waves.add(wave)
            self._moments.add((members[0].start + self.waves.probe, wave))

    def _reached(self, at: int, wave: int) -> bool:
        running = (self._all[i] for i in self._running)
        return all(c.wave > wave or c.clock > at for c in running)

    def _look(self, at: int, wave: int) -> Launch | Stop | None:
        rule = self.rule
        assert rule is not None  # noqa: S101  # there are no moments without one
        in_view = [(i, c) for i, c in enumerate(self._all) if c.wave <= wave]
        over = [(i, c) for i, c in in_view if c.ended and c.clock <= at]
        ballots = [c.ballot for _, c in over if c.ballot is not None]
        left = self.waves.samples - len(over)
        if left and rule.settled(ballots, left):
            return Stop(rule.reason, frozenset(i for i, _ in over), at)
        coming = self.waves.after(len(self._all))
        if wave < self._latest or not coming:
            return None
        running = [_known(c) for _, c in in_view if not (c.ended and c.clock <= at)]
        if running and not (self._judged(at) and not rule.in_reach(ballots, running)):
            return None
        return self._launch(coming, at)

    def _judged(self, at: int) -> bool:
        """Whether the latest wave has come to its last probe."""
        return self.waves.probe is not None and at >= self._all[-1].start + self.waves.probe

    def _launch(self, candidates: range, at: int) -> Launch:
        self._latest += 1
        before = [c for c in self._all if c.ended]
        self._all += [_Candidate(self._latest, at) for _ in candidates]
        self._running.update(candidates)
        for candidate in before:
            self._note_for_latest(candidate)
        return Launch(candidates, at)


def _known(candidate: _Candidate) -> float | None:
    known = candidate.passed
    return None if known is None or math.isnan(known) else known
