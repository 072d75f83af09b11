"""How probable it is that an answer is right, from its supporters' calibrated scores. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SUREST = 0.995
"""No single candidate is trusted further than this, nor distrusted further than its complement."""


@dataclass(frozen=True, slots=True)
class Belief:
    """Constants of the rule, fitted by ``arrol-train head``; the defaults are for heads without them.

    A supporter with probability p of being right adds log(rivals p / (1 - p)) / temperature to its
    answer's evidence s, and P(a) = exp s(a) / (rivals^(1/temperature) + sum over the answers of exp s):
    naive Bayes over the answers seen and the ``rivals`` others that a wrong candidate may have picked,
    of which any may be the right one. At temperature 1 a lone answer is as probable as its supporter.
    """

    rivals: float = 3.0
    """Wrong answers that compete; below 1 it takes back what siblings know alike of their question."""
    temperature: float = 1.5
    """Above 1 because siblings are not independent."""

    @property
    def none_of_these(self) -> float:
        """Evidence for all answers that nobody gave, in nats."""
        return math.log(self.rivals) / self.temperature

    def evidence(self, probability: float) -> float:
        """What one supporter with this calibrated probability adds, in nats."""
        p = min(SUREST, max(1 - SUREST, probability))
        return math.log(self.rivals * p / (1 - p)) / self.temperature

    def weigh(self, supporters: Mapping[str, Iterable[float]]) -> dict[str, float]:
        """Evidence of each answer, by its supporters' probabilities."""
        return {a: math.fsum(map(self.evidence, ps)) for a, ps in supporters.items()}

    def chances(self, supporters: Mapping[str, Iterable[float]]) -> dict[str, float]:
        """P(right) of each answer. They sum to less than 1."""
        return self.posterior(self.weigh(supporters))

    def posterior(self, evidence: Mapping[str, float]) -> dict[str, float]:
        """P of each answer against the others and against none of these."""
        return posterior(evidence, self.none_of_these)


def posterior(evidence: Mapping[str, float], none_of_these: float) -> dict[str, float]:
    """P of each answer, by its evidence."""
    top = max(none_of_these, *evidence.values()) if evidence else none_of_these
    shares = {answer: math.exp(s - top) for answer, s in evidence.items()}
    total = math.exp(none_of_these - top) + math.fsum(shares.values())
    return {answer: share / total for answer, share in shares.items()}
