"""The figures of a report. Pure; intervals resample questions, never rollouts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def bootstrap(
    values: Sequence[float] | Floats,
    *,
    of: Callable[..., Any] = np.mean,
    seed: int = 0,
    draws: int = 10_000,
) -> tuple[float, float]:
    """95 % percentile interval of the mean, or of what ``of`` says, resampling questions."""
    data = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    found = of(data[rng.integers(0, len(data), (draws, len(data)))], axis=1)
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def paired(first: Sequence[float], second: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Mean of ``first - second`` over the same questions, with its interval."""
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return float(difference.mean()), bootstrap(difference.tolist())


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Unbiased chance that k of the samples, drawn without return, hold a right one."""
    if not 1 <= k <= samples:
        raise ValueError(f"k must be 1 to {samples}, got {k}")
    return 1.0 - math.comb(samples - right, k) / math.comb(samples, k)


def tokens_at(
    accuracy: float, tokens: Sequence[float], accuracies: Sequence[float]
) -> float | None:
    """Fewest tokens at which the curve reaches ``accuracy``, linear in between; None: never."""
    best_tokens, best = tokens[0], accuracies[0]
    if best >= accuracy:
        return best_tokens
    for x, y in zip(tokens[1:], accuracies[1:], strict=True):
        if y >= accuracy:
            return best_tokens + (x - best_tokens) * (accuracy - best) / (y - best)
        best_tokens, best = x, y
    return None
