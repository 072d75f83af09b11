"""What is known of a search's candidates, and what it adds up to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from arrol_serve.answers.reading import Reading
from arrol_serve.belief import Belief
from arrol_serve.pruning.schedule import saved_estimate
from arrol_serve.rollout import Fate, ProbeScore, Rollout
from arrol_serve.voting import Ballot, Tally, VoteRule, tally


class Answers(Protocol):
    """What has been read so far; see ``AnswerBook``."""

    @property
    def answers(self) -> Mapping[int, str | None]:
        """Candidate -> its cluster's answer; None: it holds none."""

    @property
    def readings(self) -> Mapping[int, Reading]:
        """Candidate -> how it was read."""


@dataclass(slots=True)
class SearchState:
    """Candidates by index: those that run, those that have ended, and how they count."""

    book: Answers
    vote: VoteRule
    belief: Belief | None
    by_head: bool
    """Whether ``quality`` is the signal that votes are weighed by, or ``confidence``."""
    rollouts: dict[int, Rollout] = field(default_factory=dict)
    """Candidates that have ended."""
    live: set[int] = field(default_factory=set)
    probes: dict[int, tuple[ProbeScore, ...]] = field(default_factory=dict)
    """Probes of running candidates, as far as they are known."""
    wave_of: list[int] = field(default_factory=list)

    @property
    def waves(self) -> int:
        """How often candidates were started."""
        return self.wave_of[-1] + 1 if self.wave_of else 0

    def launched(self, candidates: range) -> None:
        """They continue the numbers of those before."""
        wave = self.waves
        self.wave_of += [wave for _ in candidates]
        self.live.update(candidates)

    def ended(self, rollout: Rollout) -> None:
        self.rollouts[rollout.index] = rollout
        self.live.discard(rollout.index)
        self.probes.pop(rollout.index, None)

    def uncount(self, counted: frozenset[int]) -> None:
        """Candidates that ended beside the decision are as good as called off."""
        for index, rollout in self.rollouts.items():
            if index not in counted and rollout.votes:
                self.rollouts[index] = replace(rollout, fate=Fate.CANCELLED)

    @property
    def aborted(self) -> bool:
        """Whether candidates were called off: while the search runs, by others."""
        return any(r.fate is Fate.CANCELLED for r in self.rollouts.values())

    def answer(self, rollout: Rollout) -> str | None:
        """The answer of a rollout that votes; None: it does not, holds none, or has not been read."""
        return self.book.answers.get(rollout.index) if rollout.votes else None

    def signal(self, rollout: Rollout) -> float | None:
        return rollout.quality if self.by_head else rollout.confidence

    def ballot(self, rollout: Rollout) -> Ballot:
        return Ballot(
            rollout=rollout.index,
            answer=self.book.answers.get(rollout.index),
            quality=self.signal(rollout),
            confidence=rollout.confidence,
        )

    def ballots(self) -> list[Ballot]:
        """Ballots of all that vote and have been read."""
        read = self.book.answers
        return [self.ballot(r) for r in self.rollouts.values() if r.votes and r.index in read]

    def count(self) -> Tally:
        return tally(self.ballots(), self.vote, self.belief)

    def ranked(self, result: Tally) -> tuple[int, ...]:
        """Rollouts to return, best first: one for each distinct answer; empty: none is usable."""
        if result.standings:
            first = (result.winner,) if result.winner is not None else ()
            return (*first, *(s.best for s in result.standings if s.best not in first))
        ended = list(self.rollouts.values())
        usable = [r for r in ended if r.votes] or [r for r in ended if r.fate is Fate.TRUNCATED]
        return tuple(r.index for r in sorted(usable, key=self._worth))

    def _worth(self, rollout: Rollout) -> tuple[float, int]:
        """Sorts the best one first."""
        signal = self.signal(rollout)
        return (-(signal if signal is not None else 0.0), rollout.index)

    @property
    def saved_estimate(self) -> int:
        """Tokens that pruned and cancelled rollouts would have cost, at the mean finished length."""
        ended = self.rollouts.values()
        cut = [r.token_count for r in ended if r.fate in (Fate.PRUNED, Fate.CANCELLED)]
        return saved_estimate(cut, [r.token_count for r in ended if r.fate is Fate.FINISHED])
