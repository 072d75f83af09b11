"""How probable it is that an answer is right, from its supporters' calibrated scores. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SUREST = 0.995
"""No single candidate is trusted further than this, nor distrusted further than its complement."""


@dataclass(frozen=True, slots=True)
class Belief:
    """Constants of the rule, fitted by ``arrol-train head``; the defaults are for heads without them.

    The evidence s for an answer with n supporters is ``agreement`` log n + ``score`` times the logit of the
    best one's probability, and P(a) = exp s(a) / (exp ``doubt`` + sum over the answers of exp s): the answers
    seen compete with each other and with "none of these". Logits do not add up as they would for independent
    supporters: the scores of siblings err alike.
    """

    agreement: float = 1.0
    """What supporters are worth by their number."""
    score: float = 1.0
    """What the best of them is worth; 1 with no ``doubt``: a lone answer is as probable as its supporter."""
    doubt: float = 0.3
    """Evidence for all answers that nobody gave, in nats."""

    def evidence(self, supporters: Iterable[float], joining: Sequence[float] = ()) -> float:
        """The evidence for one answer, in nats, by its supporters' probabilities; -inf without any.

        ``joining``: of candidates that are still running; each counts as much as it is likely to be right.
        """
        there = list(supporters)
        count = len(there) + math.fsum(joining)
        if count <= 0:
            return -math.inf
        best = max(map(logit, [*there, *joining]))
        return self.agreement * math.log(count) + self.score * best

    def weigh(self, supporters: Mapping[str, Iterable[float]]) -> dict[str, float]:
        """Evidence of each answer, by its supporters' probabilities."""
        return {answer: self.evidence(ps) for answer, ps in supporters.items()}

    def chances(self, supporters: Mapping[str, Iterable[float]]) -> dict[str, float]:
        """P(right) of each answer. They sum to less than 1."""
        return posterior(self.weigh(supporters), self.doubt)


def logit(probability: float) -> float:
    """The logit of a candidate's probability, no surer than ``SUREST``."""
    p = min(SUREST, max(1 - SUREST, probability))
    return math.log(p / (1 - p))


def posterior(evidence: Mapping[str, float], none_of_these: float) -> dict[str, float]:
    """P of each answer, by its evidence."""
    top = max(none_of_these, *evidence.values()) if evidence else none_of_these
    shares = {answer: math.exp(s - top) for answer, s in evidence.items()}
    total = math.exp(none_of_these - top) + math.fsum(shares.values())
    return {answer: share / total for answer, share in shares.items()}
