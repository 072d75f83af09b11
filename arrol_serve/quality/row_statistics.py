"""``RunningStatistics`` in numpy: with few rows it is the calls that cost.

A rollout's numbers do not depend on who else is there: each token is added by itself, row by row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arrol_serve.quality import statistics as columns
from arrol_serve.quality.statistics import COLUMNS, DECAY, STATISTICS

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
_SUMS = slice(columns.SUM, columns.ENTROPY_SUM + 1)
_MAXIMA = slice(columns.NEGATIVE_MIN, columns.ENTROPY_MAX + 1)
_LATEST = slice(columns.LAST, columns.ENTROPY_LAST + 1)
"""Columns of a log-probability and of an entropy, side by side: one call serves both."""
_SIGNS = np.array([-1, 1], np.float32)
_FRESH = np.float32(1 - DECAY)
_SOURCES = [
    *(columns.SUM, columns.SUM, columns.NEGATIVE_MIN, columns.RECENT, columns.LAST),
    *(columns.ENTROPY_SUM, columns.ENTROPY_MAX, columns.ENTROPY_LAST, columns.COUNT),
]
"""By head input, the column that it is made of."""
_MIN, _COUNT = STATISTICS.index("logprob_min"), STATISTICS.index("log_tokens")
_MEANS = [STATISTICS.index("logprob_mean"), STATISTICS.index("entropy_mean")]


def empty(slots: int) -> Floats:
    """``[slots, COLUMNS]`` of rollouts without a token."""
    return np.zeros((slots, COLUMNS), np.float32)


def add(table: Floats, slots: Ints, pairs: Floats) -> None:
    """T more tokens of each rollout in ``slots`` [R]; ``pairs`` [T, R, 2]: log-probabilities, ``LOWEST``
    or more, and the steps' entropies.
    """
    rows = table[slots]
    first, recent = np.nonzero(rows[:, columns.COUNT] == 0)[0], rows[:, columns.RECENT]
    recent[first] = pairs[0, first, 0]
    for logprobs in pairs[:, :, 0]:
        recent += _FRESH * (logprobs - recent)
    rows[:, _SUMS] = np.add.reduce([rows[:, _SUMS], *pairs])
    rows[:, _MAXIMA] = np.maximum(rows[:, _MAXIMA], np.maximum.reduce(pairs * _SIGNS))
    rows[:, _LATEST] = pairs[-1]
    rows[:, columns.COUNT] += len(pairs)
    table[slots] = rows


def features(rows: Floats) -> Floats:
    """``[R, len(STATISTICS)]``"""
    made = rows[:, _SOURCES]
    made[:, _MIN] *= -1
    made[:, _MEANS] /= np.maximum(made[:, _COUNT, None], 1)
    made[:, _COUNT] = np.log1p(made[:, _COUNT])
    return made
