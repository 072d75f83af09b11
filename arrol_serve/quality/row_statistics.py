"""``RunningStatistics`` in numpy, many tokens at a time: with few rows it is the calls that cost."""

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
NOTES = 32
"""Tokens of a rollout that are added up at a time."""


_FADE = DECAY ** np.arange(NOTES + 1, dtype=np.float32)
"""Weight, in ``logprob_recent``, of what was before so many tokens."""
_AGE = np.arange(NOTES + 1)[:, None] - 1 - np.arange(NOTES)
_WEIGHTS = np.where(_AGE >= 0, (1 - DECAY) * DECAY ** np.maximum(_AGE, 0), 0).astype(np.float32)
"""[NOTES + 1, NOTES] of so many tokens themselves."""


def empty(*shape: int) -> Floats:
    """``[*shape, COLUMNS]`` of rollouts without a token."""
    return np.zeros((*shape, COLUMNS), np.float32)


def added(rows: Floats, notes: Floats, count: Ints) -> Floats:
    """``rows`` [R, COLUMNS] after the first ``count`` [R] of the tokens in ``notes`` [R, K, 2]: a
    log-probability, ``LOWEST`` or more, and the step's entropy each.

    ``NOTES`` at a time, so that the last bits do not depend on how many come at once, as long as ``rows`` is
    after a multiple of them.
    """
    for first in range(0, int(count.max(initial=0)), NOTES):
        some = np.clip(count - first, 0, NOTES)
        rows = _added(rows, notes[:, first : first + NOTES], some)
    return rows


def _added(rows: Floats, notes: Floats, count: Ints) -> Floats:
    if notes.shape[1] < NOTES:
        notes = np.pad(notes, ((0, 0), (0, NOTES - notes.shape[1]), (0, 0)))
    new = np.arange(NOTES) < count[:, None]
    pairs = np.where(new[:, :, None], notes, np.float32(0))
    first = np.where(rows[:, columns.COUNT] == 0, pairs[:, 0, 0], rows[:, columns.RECENT])
    made = rows.copy()
    made[:, columns.COUNT] += count
    made[:, _SUMS] += pairs.sum(1)
    made[:, _MAXIMA] = np.maximum(rows[:, _MAXIMA], (pairs * _SIGNS).max(1))
    made[:, columns.RECENT] = _FADE[count] * first + (_WEIGHTS[count] * pairs[:, :, 0]).sum(1)
    some = np.nonzero(count)[0]
    made[some, _LATEST] = pairs[some, count[some] - 1]
    return made


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
