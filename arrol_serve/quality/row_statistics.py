"""``RunningStatistics`` in numpy, on rows in hand: on a few rows its calls cost a third of PyTorch's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arrol_serve.quality import statistics as columns
from arrol_serve.quality.statistics import COLUMNS, DECAY, LOWEST, STATISTICS

Floats = NDArray[np.float32]
_SUMS = slice(columns.SUM, columns.ENTROPY_SUM + 1)
_MAXIMA = slice(columns.NEGATIVE_MIN, columns.ENTROPY_MAX + 1)
_LATEST = slice(columns.LAST, columns.ENTROPY_LAST + 1)
"""Columns of a log-probability and of an entropy, side by side: one call serves both."""


def empty(*shape: int) -> Floats:
    """``[*shape, COLUMNS]`` of rollouts without a token."""
    return np.zeros((*shape, COLUMNS), np.float32)


def add(rows: Floats, logprobs: Floats, entropies: Floats) -> None:
    """Add a sampled token to each of ``rows`` [R, COLUMNS]: its log-probability, the step's entropy [R]."""
    new = np.empty((len(rows), 2), np.float32)
    np.maximum(logprobs, np.float32(LOWEST), out=new[:, 0])
    new[:, 1] = entropies
    recent = rows[:, columns.RECENT]
    moved = recent + np.float32(1 - DECAY) * (new[:, 0] - recent)
    recent[:] = np.where(rows[:, columns.COUNT] == 0, new[:, 0], moved)
    rows[:, columns.COUNT] += 1
    rows[:, _SUMS] += new
    rows[:, _LATEST] = new
    np.negative(new[:, 0], out=new[:, 0])
    np.maximum(rows[:, _MAXIMA], new, out=rows[:, _MAXIMA])


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
