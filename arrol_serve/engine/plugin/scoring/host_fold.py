"""The fold on a CPU: the sampled tokens can be looked at, so it is known which scores can matter.

numpy, since a call on a few rows costs it a third of what it costs PyTorch, and there are two dozen a step.
Nothing compiled: numba, once loaded, breaks the next engine that vLLM builds in the process.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arrol_serve.engine.plugin.scoring.ends import STOPS, Ends
from arrol_serve.engine.plugin.scoring.fold import (
    CONFIDENCE_TOP_K,
    FLOOR,
    LOWEST_TOP,
    Ints,
    Places,
)
from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW
from arrol_serve.quality import row_statistics
from arrol_serve.quality.row_statistics import Floats

NEVER_DUE = np.float32(np.inf)


@dataclass(frozen=True, slots=True)
class Kept:
    """Figures after each new token of each request."""

    table: Floats
    """[S, W, COLUMNS] the running statistics."""
    confidence: Floats | None
    """[S, W]"""
    counts: Ints
    """[S] new tokens."""
    wanted: NDArray[np.bool_]
    """[S, W] whether the score may be asked for."""

    def features(self, who: Ints, place: Ints) -> Tensor:
        """[M, len(STATISTICS)] after the tokens at ``place`` [M] of the requests ``who`` [M]."""
        return torch.from_numpy(row_statistics.features(self.table[who, place]))


@dataclass(frozen=True, slots=True)
class _Distribution:
    """The model's own distribution, by row."""

    logprobs: Floats
    """[L, V]"""
    entropy: Floats
    confidence: Floats | None
    """[L] of one token."""


class HostFold:
    """As ``Fold`` otherwise."""

    def __init__(self, slots: int) -> None:
        self._table = row_statistics.empty(slots)
        self._window = np.zeros((slots, CONFIDENCE_WINDOW), np.float32)
        self._sums = np.zeros(slots, np.float32)
        self._sizes = np.ones(slots, np.int64)
        self._probe = np.full(slots, NEVER_DUE)
        """Next probe of each."""
        self._due = np.full(slots, NEVER_DUE)
        """Tokens from which on every score may be asked for."""
        self._stops = np.full((slots, STOPS), -1, np.int32)
        self._most_stops = 0
        self._probes: dict[int, list[int]] = {}
        self._ends: dict[int, Ends] = {}
        self._step: _Distribution | None = None

    def begin(self, slot: int, window: int, ends: Ends) -> None:
        self._table[slot] = 0.0
        self._sums[slot], self._sizes[slot] = 0.0, window
        self._probes[slot] = list(reversed(ends.probes))
        self._ends[slot] = ends
        self._stops[slot] = -1
        self._stops[slot, : len(ends.stops)] = ends.stops
        self._most_stops = max(self._most_stops, len(ends.stops))
        self._next_probe(slot)

    def _next_probe(self, slot: int) -> None:
        """Look for the first probe that the request has not reached."""
        probes, ends = self._probes[slot], self._ends[slot]
        while probes and probes[-1] <= self._table[slot, 0]:
            probes.pop()
        self._probe[slot] = probes[-1] if probes else NEVER_DUE
        self._due[slot] = 0 if ends.anywhere else min(self._probe[slot], ends.longest)

    def before(self, places: Places, logits: Tensor, *, confidence: bool) -> None:
        logprobs = places.take(logits).float().log_softmax(1).clamp_(min=FLOOR)
        entropy = torch.linalg.vecdot(logprobs.exp(), logprobs).neg_()
        signal = None
        if confidence:
            top = logprobs.topk(min(CONFIDENCE_TOP_K, logprobs.shape[1]), dim=1).values
            signal = top.clamp_(min=LOWEST_TOP).mean(1).neg_().numpy()
        self._step = _Distribution(logprobs.numpy(), entropy.numpy(), signal)

    def after(self, places: Places, sampled: Tensor) -> Kept:
        step, self._step = self._step, None
        assert step is not None  # noqa: S101  # ``before`` was called
        tokens = sampled.numpy()[places.lines]
        new = tokens >= 0
        count, width = tokens.shape
        slots, rows = places.slots, places.starts
        running = self._table[slots]
        table = row_statistics.empty(count, width)
        confidence = None if step.confidence is None else np.empty((count, width), np.float32)
        wanted = np.empty((count, width), np.bool_)
        for j in range(width):
            who = None if j == 0 and new[:, 0].all() else np.nonzero(new[:, j])[0]
            _add(running, tokens[:, j], step, rows + j, who)
            table[:, j] = running
            if confidence is not None:
                confidence[:, j] = self._windowed(slots, running[:, 0], step, rows + j, new[:, j])
            wanted[:, j] = self._wanted(slots, running[:, 0], tokens[:, j]) & new[:, j]
        self._table[slots] = running
        for slot in slots[running[:, 0] >= self._probe[slots]].tolist():
            self._next_probe(slot)
        return Kept(table, confidence, new.sum(1), wanted)

    def _wanted(self, slots: Ints, lengths: Floats, tokens: Ints) -> NDArray[np.bool_]:
        """[S]; what follows a probe in the same run is wanted too, for there may be another one."""
        wanted: NDArray[np.bool_] = lengths >= self._due[slots]
        for place in range(self._most_stops):
            wanted |= self._stops[slots, place] == tokens
        return wanted

    def _windowed(
        self,
        slots: Ints,
        lengths: Floats,
        step: _Distribution,
        rows: Ints,
        new: NDArray[np.bool_],
    ) -> Floats:
        """[S] mean confidence of the last tokens; ``lengths`` [S] with the new token."""
        assert step.confidence is not None  # noqa: S101  # the caller has looked
        slots, at = slots[new], lengths[new].astype(np.int64) - 1
        sizes, signal = self._sizes[slots], step.confidence[rows[new]]
        oldest = self._window[slots, (at - sizes) % CONFIDENCE_WINDOW]
        self._window[slots, at % CONFIDENCE_WINDOW] = signal
        self._sums[slots] += signal - np.where(at >= sizes, oldest, np.float32(0.0))
        means = np.zeros(len(new), np.float32)
        means[new] = self._sums[slots] / np.minimum(at + 1, sizes)
        return means


def _add(running: Floats, tokens: Ints, step: _Distribution, rows: Ints, who: Ints | None) -> None:
    """A token more of each request into ``running`` [S, COLUMNS]; ``who``: those that have one, None: all."""
    mine = running if who is None else running[who]
    if who is not None:
        tokens, rows = tokens[who], rows[who]
    row_statistics.add(mine, step.logprobs[rows, tokens], step.entropy[rows])
    if who is not None:
        running[who] = mine
