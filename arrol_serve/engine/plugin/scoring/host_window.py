"""DeepConf's group confidence on a CPU: the mean of a request's last tokens (arXiv 2508.15260)."""

from __future__ import annotations

import numpy as np

from arrol_serve.engine.plugin.scoring.fold import Ints
from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW
from arrol_serve.quality.row_statistics import Floats


class ConfidenceWindow:
    """A ring a slot."""

    def __init__(self, slots: int) -> None:
        self._ring = np.zeros((slots, CONFIDENCE_WINDOW), np.float32)
        self._sums = np.zeros(slots, np.float32)
        self._sizes = np.ones(slots, np.int64)
        self._lengths = np.zeros(slots, np.int64)

    def begin(self, slot: int, size: int) -> None:
        self._sums[slot], self._sizes[slot], self._lengths[slot] = 0.0, size, 0

    def add(self, slots: Ints, signal: Floats) -> Floats:
        """The means [N] after one more token each, of which ``signal`` [N] is the token's own."""
        sizes, lengths = self._sizes[slots], self._lengths[slots]
        oldest = self._ring[slots, (lengths - sizes) % CONFIDENCE_WINDOW]
        self._ring[slots, lengths % CONFIDENCE_WINDOW] = signal
        self._lengths[slots] = lengths + 1
        self._sums[slots] += signal - np.where(lengths >= sizes, oldest, np.float32(0.0))
        counts: Floats = np.minimum(lengths + 1, sizes).astype(np.float32)
        return self._sums[slots] / counts
