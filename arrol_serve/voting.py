"""From ballots to a winner. Pure; ties are settled the same way every time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from arrol_serve.belief import Belief

VoteRule = Literal["quality", "evidence", "uniform", "rank", "confidence", "best"]
"""quality: calibrated probabilities; evidence: the answer that is most probably right, see ``Belief``;
uniform: one each, blind to scores; rank: linear in the rank of quality, 0 to 1 (ARRoL, arXiv
2603.24840); confidence: DeepConf's (arXiv 2508.15260); best: the best one decides."""


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
    """Its best-quality rollout, the lowest index on ties; in a uniform vote the lowest index."""
    probability: float | None = None
    """That it is right, with a ``Belief``."""


@dataclass(frozen=True, slots=True)
class Tally:
    """``standings`` best first; empty when no ballot has an answer."""

    standings: tuple[Standing, ...]
    winner: int | None
    """Rollout to return: the leader's best; without answers the best-quality ballot."""
    confidence: float | None
    """With a ``Belief`` the probability that the leader is right. Else its share of the weight; for
    ``best``, that rollout's quality."""
    agreement: float | None
    """The leader's share of the answered ballots."""
    rule: VoteRule = "quality"
    """How the weights came about: what newcomers can weigh depends on it."""


def tally(ballots: Sequence[Ballot], rule: VoteRule, belief: Belief | None = None) -> Tally:
    """Count. Ties go by weight, then count, then best quality, then lowest rollout index.

    Ballots without an answer have no weight and enter no share. Rollouts must be distinct. A uniform
    vote sees no quality, in ties either. ``belief``: of scores that are calibrated probabilities.
    """
    chances = _chances(ballots, belief) if belief is not None else {}
    if rule == "uniform":
        ballots = [replace(ballot, quality=None) for ballot in ballots]
    voters = sorted((b for b in ballots if b.answer is not None), key=lambda b: b.rollout)
    if not voters:
        best = min(ballots, key=_worth, default=None)
        return Tally((), best.rollout if best else None, None, None, rule)
    weights = weigh(voters, rule)
    clusters: dict[str, list[Ballot]] = {}
    for ballot in voters:
        clusters.setdefault(str(ballot.answer), []).append(ballot)
    quality = {b.rollout: _quality(b) for b in voters}
    standings = sorted(
        (
            _standing(answer, members, weights, chances.get(answer), by_chance=rule == "evidence")
            for answer, members in clusters.items()
        ),
        key=lambda s: (-s.weight, -s.count, -quality[s.best], s.best),
    )
    leader = standings[0]
    certainty = leader.weight / math.fsum(weights.values())
    if rule == "best" and math.isfinite(quality[leader.best]):
        certainty = quality[leader.best]
    certainty = chances.get(leader.answer, certainty)
    return Tally(tuple(standings), leader.best, certainty, leader.count / len(voters), rule)


def _chances(ballots: Sequence[Ballot], belief: Belief) -> dict[str, float]:
    """P(right) of each answer; empty if a voter has no score."""
    supporters: dict[str, list[float]] = {}
    for ballot in ballots:
        if ballot.answer is None:
            continue
        if ballot.quality is None or not math.isfinite(ballot.quality):
            return {}
        supporters.setdefault(ballot.answer, []).append(ballot.quality)
    return belief.chances(supporters)


def _standing(
    answer: str,
    members: Sequence[Ballot],
    weights: Mapping[int, float],
    chance: float | None,
    *,
    by_chance: bool,
) -> Standing:
    summed = math.fsum(weights[b.rollout] for b in members)
    return Standing(
        answer=answer,
        count=len(members),
        weight=chance if by_chance and chance is not None else summed,
        rollouts=tuple(b.rollout for b in members),
        best=min(members, key=_worth).rollout,
        probability=chance,
    )


def _quality(ballot: Ballot) -> float:
    """A missing or undefined quality is below every other."""
    if ballot.quality is None or not math.isfinite(ballot.quality):
        return -math.inf
    return ballot.quality


def _worth(ballot: Ballot) -> tuple[float, int]:
    """Sorts the best ballot first."""
    return (-_quality(ballot), ballot.rollout)


def weigh(voters: Sequence[Ballot], rule: VoteRule) -> dict[int, float]:
    """Weight of each answered ballot by rollout; the scores that the rule needs must be finite.

    ``evidence`` belongs to answers, not to ballots: without a ``Belief`` it counts as ``quality``.

    A score missing or undefined, or all weights 0: one each, since weights that leave some
    ballots out would be no rule at all. Negative scores weigh 0.
    """
    even = {b.rollout: 1.0 for b in voters}
    scores = {b.rollout: b.confidence if rule == "confidence" else b.quality for b in voters}
    found = {r: s for r, s in scores.items() if s is not None and math.isfinite(s)}
    if rule == "uniform" or len(found) < len(even):
        return even
    if rule == "rank":
        return _ranks(found)
    if rule == "best":
        first = min(voters, key=_worth).rollout
        return {rollout: float(rollout == first) for rollout in found}
    weights = {rollout: max(0.0, score) for rollout, score in found.items()}
    return weights if any(weights.values()) else even


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
    """Whether to stop: ``outstanding`` more ballots cannot overtake the leader, or will not with
    probability at least ``agreement`` (1.0: only if they cannot).

    The probability is that of adaptive consistency (arXiv 2305.11860): from a Beta(1, 1) prior,
    leader against the answer with the most other ballots, that the leader's true share of the ballots
    is the larger. For ``best`` it is that none of
    ``outstanding`` newcomers tops the best of n, n / (n + outstanding), scores being
    exchangeable. Needs 2 answered ballots, unless nothing is outstanding. Supposes that newcomers
    have their scores and that some at hand is above 0: else every weight would turn into 1.
    """
    if outstanding <= 0:
        return True
    ballots = sum(s.count for s in current.standings)
    if ballots < 2:
        return False
    lead, second = [*(s.weight for s in current.standings), 0.0][:2]
    most = _most(current, ballots, outstanding)
    if lead - second > most + 1e-9 * max(1.0, lead):  # an exact tie is none by rounding
        return True
    if agreement >= 1:
        return False
    if current.rule == "best":
        return ballots / (ballots + outstanding) >= agreement
    leader, *others = (s.count for s in current.standings)
    return beta_majority(leader + 1, max(others, default=0) + 1) >= agreement


def _most(current: Tally, ballots: int, outstanding: int) -> float:
    """The most by which ``outstanding`` newcomers can narrow the gap between two answers."""
    if current.rule == "rank":
        # The k-th newcomer gains its answer at most ballots + k - 1 ranks, by topping all others.
        # A rank now weighs 1 / (ballots - 1); it will weigh less, but for both answers alike.
        ranks = outstanding * ballots + outstanding * (outstanding - 1) / 2
        return ranks / (ballots - 1)
    at_most_one = all(s.weight <= s.count for s in current.standings)
    if current.rule in ("quality", "uniform") and at_most_one:
        return float(outstanding)
    return math.inf  # DeepConf's signal has no bound, as either score; one ballot takes "best"


def beta_majority(a: float, b: float) -> float:
    """P(x > 1/2) for x ~ Beta(a, b), a and b above 0, to about 1e-12.

    The tail below 1/2 is the incomplete beta function at 1/2, by its series of positive terms
    (DLMF 8.17.8), which converges fast from the larger parameter's side.
    """
    if a < b:
        return 1.0 - beta_majority(b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) - (a + b) * math.log(2)
    term = total = 1.0
    n = 0
    while term > 1e-16 * total:
        term *= (a + b + n) / (a + 1 + n) / 2
        total += term
        n += 1
    return 1.0 - math.exp(front) / a * total
