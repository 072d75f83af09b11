"""DeepConf's group confidence on a CPU: the mean of a request's last tokens (arXiv 2508.15260)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arrol_serve.engine.plugin.scoring.fold import Ints
from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW
from arrol_serve.quality.row_statistics import Floats


class ConfidenceWindow:
    """A ring a slot."""

    def __init__(self, slots: int) -> None:
        self._ring = np.zeros((slots, CONFIDENCE_WINDOW), np.float32)
        self._sums = np.zeros(slots, np.float32)
        self._sizes = np.ones(slots, np.int64)

    def begin(self, slot: int, size: int) -> None:
        self._sums[slot], self._sizes[slot] = 0.0, size

    def add(self, slots: Ints, lengths: Ints, new: NDArray[np.bool_], signal: Floats) -> Floats:
        """[S, T] after each token. ``lengths`` [S]: tokens before; ``signal`` [S, T]: of each ``new`` one."""
        means = np.zeros(new.shape, np.float32)
        for j in range(new.shape[1]):
            who = np.nonzero(new[:, j])[0]
            mine, at, latest = slots[who], lengths[who] + j, signal[who, j]
            sizes = self._sizes[mine]
            oldest = self._ring[mine, (at - sizes) % CONFIDENCE_WINDOW]
            self._ring[mine, at % CONFIDENCE_WINDOW] = latest
            self._sums[mine] += latest - np.where(at >= sizes, oldest, np.float32(0.0))
            means[who, j] = self._sums[mine] / np.minimum(at + 1, sizes)
        return means
