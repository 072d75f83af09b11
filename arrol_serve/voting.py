"""From ballots to a winner. Pure; ties are settled the same way every time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

VoteRule = Literal["quality", "uniform", "rank", "confidence", "best"]
"""quality: calibrated probabilities; uniform: one each; rank: linear in the rank of quality, lowest
0 (ARRoL, arXiv 2603.24840); confidence: DeepConf's (arXiv 2508.15260); best: the best one decides."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """One rollout's vote. ``answer`` None: it holds none, and cannot win against one that does."""

    rollout: int
    answer: str | None
    quality: float | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """One answer in the count."""

    answer: str
    count: int
    weight: float
    rollouts: tuple[int, ...]
    best: int
    """Its best-quality rollout; the lowest index on ties."""


@dataclass(frozen=True, slots=True)
class Tally:
    """``standings`` best first; empty when no ballot has an answer."""

    standings: tuple[Standing, ...]
    winner: int | None
    """Rollout to return: the leader's best; without answers the best-quality ballot."""
    confidence: float | None
    """The leader's share of the weight; for ``best``, that rollout's quality."""
    agreement: float | None
    """The leader's share of the answered ballots."""


def tally(ballots: Sequence[Ballot], rule: VoteRule) -> Tally:
    """Count. Ties go by weight, then count, then best quality, then lowest rollout index."""
    voters = sorted((b for b in ballots if b.answer is not None), key=lambda b: b.rollout)
    if not voters:
        best = min(ballots, key=_worth, default=None)
        return Tally((), best.rollout if best else None, None, None)
    weights = weigh(voters, rule)
    clusters: dict[str, list[Ballot]] = {}
    for ballot in voters:
        clusters.setdefault(str(ballot.answer), []).append(ballot)
    quality = {b.rollout: _quality(b) for b in voters}
    standings = sorted(
        (_standing(answer, members, weights) for answer, members in clusters.items()),
        key=lambda s: (-s.weight, -s.count, -quality[s.best], s.best),
    )
    leader, total = standings[0], math.fsum(weights.values())
    share = leader.weight / total
    certainty = (
        quality[leader.best] if rule == "best" and math.isfinite(quality[leader.best]) else share
    )
    return Tally(tuple(standings), leader.best, certainty, leader.count / len(voters))


def _standing(answer: str, members: Sequence[Ballot], weights: Mapping[int, float]) -> Standing:
    return Standing(
        answer=answer,
        count=len(members),
        weight=math.fsum(weights[b.rollout] for b in members),
        rollouts=tuple(b.rollout for b in members),
        best=min(members, key=_worth).rollout,
    )


def _quality(ballot: Ballot) -> float:
    return ballot.quality if ballot.quality is not None else -math.inf


def _worth(ballot: Ballot) -> tuple[float, int]:
    """Sorts the best ballot first."""
    return (-_quality(ballot), ballot.rollout)


def weigh(voters: Sequence[Ballot], rule: VoteRule) -> dict[int, float]:
    """Weight of each answered ballot by rollout. All 0, or a score missing: one each."""
    if rule == "uniform":
        weights: dict[int, float] | None = None
    elif rule == "confidence":
        weights = _scores({b.rollout: b.confidence for b in voters})
    else:
        weights = _scores({b.rollout: b.quality for b in voters})
        if weights is not None and rule == "rank":
            weights = _ranks(weights)
        elif weights is not None and rule == "best":
            first = min(voters, key=_worth).rollout
            weights = {rollout: float(rollout == first) for rollout in weights}
    if weights is None or math.fsum(weights.values()) <= 0:
        return {b.rollout: 1.0 for b in voters}
    return weights


def _scores(found: Mapping[int, float | None]) -> dict[int, float] | None:
    scores = {rollout: score for rollout, score in found.items() if score is not None}
    return {r: max(0.0, s) for r, s in scores.items()} if len(scores) == len(found) else None


def _ranks(scores: Mapping[int, float]) -> dict[int, float]:
    """0 for the lowest, 1 for the highest; equal scores share their mean rank."""
    if len(scores) == 1:
        return dict.fromkeys(scores, 1.0)
    values = sorted(scores.values())
    top = len(values) - 1
    mean_rank = {
        v: (2 * values.index(v) + values.count(v) - 1) / 2 / top for v in dict.fromkeys(values)
    }
    return {rollout: mean_rank[score] for rollout, score in scores.items()}


def decided(current: Tally, outstanding: int, agreement: float) -> bool:
    """Whether to stop: the leader cannot be overtaken by ``outstanding`` more ballots, or stays
    ahead with probability at least ``agreement``.

    The probability is that of adaptive consistency (arXiv 2305.11860): with a Beta(1, 1) prior,
    leader against runner-up, weights rescaled to counts, that the leader's true share is the larger.
    """
    if not current.standings:
        return False
    leader = current.standings[0]
    second = current.standings[1].weight if len(current.standings) > 1 else 0.0
    ballots = sum(s.count for s in current.standings)
    total = math.fsum(s.weight for s in current.standings)
    scale = ballots / total if total > 0 else 1.0
    a, b = leader.weight * scale, second * scale
    if a - b > outstanding:
        return True
    return ballots >= 2 and beta_majority(a + 1, b + 1) >= agreement


def beta_majority(a: float, b: float, steps: int = 400) -> float:
    """P(x > 1/2) for x ~ Beta(a, b), a, b >= 1, by Simpson's rule (error below 1e-6)."""
    log_norm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)

    def density(x: float) -> float:
        if x in (0.0, 1.0):
            return math.exp(log_norm) if (b == 1 and x == 1.0) or (a == 1 and x == 0.0) else 0.0
        return math.exp(log_norm + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))

    width = 0.5 / steps
    inner = (density(0.5 + i * width) * (4 if i % 2 else 2) for i in range(1, steps))
    return min(1.0, (density(0.5) + density(1.0) + math.fsum(inner)) * width / 3)
