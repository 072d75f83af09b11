"""One rollout group's state between its first and its last member. Pure; the scheduler drives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from arrol_serve.pruning.registry import policy_from_spec
from arrol_serve.pruning.survival import GroupView, Verdict
from arrol_serve.rollout import ProbeScore

DECIMALS = 3
"""Scores are rounded to these: siblings with the same text are equal, whatever batching did to last bits."""
QUANTUM = 1e-3
"""The last of these decimals."""
TURN: float = (5**0.5 - 1) / 2
"""The golden ratio: its multiples fill the interval from 0 to 1 evenly, however many there are."""


def told_apart(number: int, score: float) -> float:
    """The score of a search's candidate without its last bits, and less than a rounding added: ties go by
    lot, the same one for the same candidate. By order they would all go to those who came first, and prune
    each later wave.
    """
    return round(score, DECIMALS) + number * TURN % 1 * QUANTUM / 2


@dataclass(frozen=True, slots=True)
class Decision:
    """What a probe decided on one member."""

    index: int
    tokens: int
    score: float
    verdict: Verdict


@dataclass(slots=True)
class _Member:
    started: bool = False
    crossed: list[tuple[int, float]] = field(default_factory=list)
    """(tokens, score) as it came to each probe."""
    probes: list[ProbeScore] = field(default_factory=list)
    """Probes that it has been judged at."""

    @property
    def next_probe(self) -> int:
        return len(self.probes)

    @property
    def waiting(self) -> bool:
        """At ``next_probe`` and generating on while its siblings arrive."""
        return len(self.crossed) > len(self.probes)


class Group:
    """Feeds scores to the survival policy at the right moments.

    A member crosses probe k at the first observation with at least ``probes[k]`` tokens (several
    tokens may come at once). A policy that waits judges when every member has joined (they are sent
    together, but a busy machine may take its time) and every live one stands at the probe; nobody is
    held up meanwhile. If the policy can judge latecomers, it waits only for those that were generating
    when the first one came to the probe: others may queue until these end. They are judged later,
    against the scores of all who were before them.
    """

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.size: int = plan["size"]
        self.probes = tuple(plan["probes"])
        self.policy = policy_from_spec(plan["policy"])
        self._seed: int = plan["seed"]
        self._min_survivors: int = plan["min_survivors"]
        self._before: int = plan["started"]
        earlier: list[list[float]] = plan["earlier"] or [[] for _ in self.probes]
        self._judged = [list(scores) for scores in earlier]
        """By probe, the scores of all siblings that were judged there."""
        self._cohorts: dict[int, set[int]] = {}
        """By probe, who was on the way there when the first member arrived."""
        self._members: dict[int, _Member] = {}
        self._alive: set[int] = set()
        self._waiting: dict[int, set[int]] = {}
        """By probe, the live members that stand there."""
        self._joined_last = False
        """The last of the members joined, and none was judged since."""
        self._finished = self._pruned = 0

    @property
    def empty(self) -> bool:
        """Whether all who joined have left."""
        return not self._alive

    def join(self, index: int) -> None:
        """A member was added to the engine."""
        self._members[index] = _Member()
        self._alive.add(index)
        self._joined_last = len(self._members) == self.size

    def leave(self, index: int, *, pruned: bool) -> list[Decision]:
        """A member ended, for whatever reason; a decision may have waited for it alone."""
        if index not in self._alive:
            return []
        self._remove(index)
        if pruned:
            self._pruned += 1
        else:
            self._finished += 1
            self._note_unjudged(self._members[index])
        return self._settle()

    def _remove(self, index: int) -> None:
        self._alive.discard(index)
        self._waiting.get(self._members[index].next_probe, set()).discard(index)

    def _note_unjudged(self, member: _Member) -> None:
        """Its siblings came to a probe too late for it, but it was there: they are judged beside it."""
        for probe in range(member.next_probe, len(member.crossed)):
            self._judged[probe].append(member.crossed[probe][1])

    def probes_of(self, index: int) -> list[ProbeScore]:
        """The probes that a member has been judged at."""
        return self._members[index].probes

    def begin(self, index: int) -> None:
        """A member generates; until then it may queue. Before others of the step are observed."""
        self._members[index].started = True

    def observe(self, index: int, tokens: int, score: float) -> list[Decision]:
        """A member has ``tokens`` tokens and this score now; once pruned it counts no more."""
        if index not in self._alive:
            return []
        member = self._members[index]
        waited = member.waiting
        # Also while it waits at an earlier one: how long that takes must not change its score here.
        while len(member.crossed) < len(self.probes) and tokens >= self.probes[len(member.crossed)]:
            ranked = told_apart(self._before + index, score) if self.policy.waits else score
            member.crossed.append((tokens, ranked))
        if not member.waiting:
            return []
        if self.policy.waits:
            if not waited:
                self._stand(index)
            return self._settle() if not waited or self._joined_last else []
        decisions = []
        while member.waiting:
            decisions += self._judge([index], member.next_probe)
            if not decisions[-1].verdict.survives:
                break
        return decisions

    def _settle(self) -> list[Decision]:
        """Judge the waiting members unless one that they wait for is still to come."""
        self._joined_last = False
        decisions: list[Decision] = []
        while (due := self._due()) is not None:
            probe, ready = due
            decisions += self._judge(ready, probe)
        return decisions

    def _stand(self, index: int) -> None:
        self._waiting.setdefault(self._members[index].next_probe, set()).add(index)

    def _due(self) -> tuple[int, list[int]] | None:
        """The first probe whose members are complete, and these."""
        if len(self._members) < self.size:
            return None
        for probe, ready in sorted(self._waiting.items()):
            if ready and self._complete(probe, ready):
                self._cohorts.pop(probe, None)
                return probe, sorted(ready)
        return None

    def _complete(self, probe: int, ready: set[int]) -> bool:
        if not self.policy.late:
            return sum(map(len, self._waiting.values())) == len(self._alive)
        if probe not in self._cohorts:
            self._cohorts[probe] = {i for i in self._alive if self._on_the_way(i, probe)}
        return self._cohorts[probe] & self._alive <= ready

    def _on_the_way(self, index: int, probe: int) -> bool:
        member = self._members[index]
        return member.started and member.next_probe == probe

    def _judge(self, indices: list[int], probe: int) -> list[Decision]:
        view = GroupView(
            size=self._before + self.size,
            probe=probe,
            probes=len(self.probes),
            alive=len(self._alive),
            finished=self._finished,
            pruned=self._pruned,
            min_survivors=self._min_survivors,
            seed=self._seed,
            earlier=tuple(self._judged[probe]),
        )
        # By number in the search, not in the group: every candidate has a coin of its own.
        scores = {self._before + i: self._members[i].crossed[probe][1] for i in indices}
        verdicts = self.policy.judge(scores, view)
        self._judged[probe] += scores.values()
        decisions = []
        self._waiting.pop(probe, None)
        for index in indices:
            member, verdict = self._members[index], verdicts[self._before + index]
            tokens, score = member.crossed[probe]
            member.probes.append(ProbeScore(tokens, score, verdict.survival))
            decisions.append(Decision(index, tokens, score, verdict))
            if not verdict.survives:
                # Gone for every later decision; ``leave`` may come only after the engine freed it.
                self._remove(index)
                self._pruned += 1
            elif self.policy.waits and member.waiting:
                self._stand(index)
        return decisions
