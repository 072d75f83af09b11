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
    """One more token of each rollout in ``slots`` [R]; ``pairs`` [R, 2]: its log-probability, ``LOWEST`` or
    more, and the step's entropy.
    """
    rows = table[slots]
    logprobs, recent = pairs[:, 0], rows[:, columns.RECENT]
    first = np.nonzero(rows[:, columns.COUNT] == 0)[0]
    recent[first] = logprobs[first]
    recent += _FRESH * (logprobs - recent)
    rows[:, _SUMS] += pairs
    np.maximum(rows[:, _MAXIMA], pairs * _SIGNS, out=rows[:, _MAXIMA])
    rows[:, _LATEST] = pairs
    rows[:, columns.COUNT] += 1
    table[slots] = rows


def features(rows: Floats) -> Floats:
    """``[R, len(STATISTICS)]``"""
    made = rows[:, _SOURCES]
    made[:, _MIN] *= -1
    made[:, _MEANS] /= np.maximum(made[:, _COUNT, None], 1)
    made[:, _COUNT] = np.log1p(made[:, _COUNT])
    return made
