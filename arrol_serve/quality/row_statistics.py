"""``RunningStatistics`` in numpy, on rows in hand: on a few rows its calls cost a third of PyTorch's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arrol_serve.quality import statistics as columns
from arrol_serve.quality.statistics import COLUMNS, DECAY, LOWEST, STATISTICS

Floats = NDArray[np.float32]


def empty(*shape: int) -> Floats:
    """``[*shape, COLUMNS]`` of rollouts without a token."""
    return np.zeros((*shape, COLUMNS), np.float32)


def add(rows: Floats, logprobs: Floats, entropies: Floats) -> None:
    """Add a sampled token to each of ``rows`` [R, COLUMNS]: its log-probability, the step's entropy [R]."""
    logprobs = np.maximum(logprobs, np.float32(LOWEST))
    recent = rows[:, columns.RECENT]
    moved = recent + np.float32(1 - DECAY) * (logprobs - recent)
    recent[:] = np.where(rows[:, columns.COUNT] == 0, logprobs, moved)
    rows[:, columns.COUNT] += 1
    rows[:, columns.SUM] += logprobs
    rows[:, columns.ENTROPY_SUM] += entropies
    for column, values in ((columns.NEGATIVE_MIN, -logprobs), (columns.ENTROPY_MAX, entropies)):
        np.maximum(rows[:, column], values, out=rows[:, column])
    rows[:, columns.LAST], rows[:, columns.ENTROPY_LAST] = logprobs, entropies


def features(rows: Floats) -> Floats:
    """``[R, len(STATISTICS)]``"""
    count = np.maximum(rows[:, columns.COUNT], 1)
    made = np.empty((len(rows), len(STATISTICS)), np.float32)
    made[:, 0] = rows[:, columns.SUM]
    made[:, 1] = rows[:, columns.SUM] / count
    made[:, 2] = -rows[:, columns.NEGATIVE_MIN]
    made[:, 3] = rows[:, columns.RECENT]
    made[:, 4] = rows[:, columns.LAST]
    made[:, 5] = rows[:, columns.ENTROPY_SUM] / count
    made[:, 6] = rows[:, columns.ENTROPY_MAX]
    made[:, 7] = rows[:, columns.ENTROPY_LAST]
    made[:, 8] = np.log1p(rows[:, columns.COUNT])
    return made
