"""From scores to probabilities of success: what survival policies know of a rollout and of its group."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from arrol_serve.errors import InvalidRequest
from arrol_serve.pruning.survival import number
from arrol_serve.pruning.threshold import sigmoid

TRUST = 4.0
"""Siblings' worth of trust in what was known of a prompt before."""

Tables = tuple[tuple[float, ...], ...]


def tables(posterior: object) -> Tables:
    """One table of bins for each probe, or one for all. Raises ``InvalidRequest``."""
    if not isinstance(posterior, list | tuple):
        raise InvalidRequest("arrol.prune.posterior must be a list.", param="arrol.prune.posterior")
    several = bool(posterior) and all(isinstance(table, list | tuple) for table in posterior)
    found = posterior if several else [posterior]
    return tuple(tuple(number("posterior", q, 0, 1) for q in table) for table in found)


def success(score: float, posterior: Any, probe: int) -> float:
    """q: the probability that a rollout with ``score`` ends right; sigmoid(score) without a posterior."""
    probability, table = sigmoid(score), at(posterior, probe)
    if not table:
        return probability
    bins = len(table)
    return float(table[min(bins - 1, int(bins * probability))])


def at(values: Sequence[Any], probe: int) -> Any:
    """What is for this probe; the last one is for those beyond."""
    return values[min(probe, len(values) - 1)]


def likely(successes: Iterable[float], before: float) -> float:
    """The prompt's success rate: the mean of its rollouts' q, drawn towards what was known ``before``."""
    q = list(successes)
    return (math.fsum(q) + TRUST * before) / (len(q) + TRUST)  # in any order the same bits
