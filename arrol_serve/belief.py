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
    answer's evidence s, and P(a) = exp s(a) / (1 + sum over the answers of exp s): naive Bayes over
    the answers seen and "none of these", where a wrong candidate picks one of ``rivals`` answers.
    """

    rivals: float = 3.0
    """Wrong answers that compete: 1 or more."""
    temperature: float = 1.5
    """Above 1 because siblings are not independent."""

    def evidence(self, probability: float) -> float:
        """What one supporter with this calibrated probability adds, in nats."""
        p = min(SUREST, max(1 - SUREST, probability))
        return math.log(self.rivals * p / (1 - p)) / self.temperature

    def weigh(self, supporters: Mapping[str, Iterable[float]]) -> dict[str, float]:
        """Evidence of each answer, by its supporters' probabilities."""
        return {a: math.fsum(map(self.evidence, ps)) for a, ps in supporters.items()}

    def chances(self, supporters: Mapping[str, Iterable[float]]) -> dict[str, float]:
        """P(right) of each answer. They sum to less than 1."""
        return posterior(self.weigh(supporters))


def posterior(evidence: Mapping[str, float]) -> dict[str, float]:
    """P of each answer against the others and against none of them."""
    top = max(0.0, *evidence.values()) if evidence else 0.0
    shares = {answer: math.exp(s - top) for answer, s in evidence.items()}
    total = math.exp(-top) + math.fsum(shares.values())
    return {answer: share / total for answer, share in shares.items()}
