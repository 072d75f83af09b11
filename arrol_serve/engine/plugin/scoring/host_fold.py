"""The statistics on a CPU, where the scheduler waits for each step.

A step only notes its tokens' figures. They are added up where a score is asked for, or the notes are full.
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
from arrol_serve.quality.row_statistics import NOTES, Floats

NEVER_DUE = np.iinfo(np.int64).max
HELD, LENGTH = range(2)
"""Columns: tokens that are noted only, and all of them."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known after each new token of each request, until the next step."""

    counts: Ints
    """[S] new tokens."""
    wanted: NDArray[np.bool_]
    """[S, W] whether the score may be asked for."""
    confidence: Floats | None
    """[S, W]"""
    slots: Ints
    """[S]"""
    before: Ints
    """[S, 2] ``HELD`` and ``LENGTH`` before the step."""
    table: Floats
    """[slots, COLUMNS] running statistics without what is only noted."""
    notes: Floats
    """[slots, tokens, 2]"""

    def features(self, who: Ints, place: Ints) -> Tensor:
        """[M, len(STATISTICS)] after the tokens at ``place`` [M] of the requests ``who`` [M]."""
        slots, count = self.slots[who], self.before[who, HELD] + place + 1
        rows = row_statistics.added(self.table[slots], self.notes[slots], count)
        return torch.from_numpy(row_statistics.features(rows))

    def lengths(self, who: Ints, place: Ints) -> Ints:
        """[M] generated tokens, those at ``place`` included."""
        found: Ints = self.before[who, LENGTH] + place + 1
        return found


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

    def __init__(self, slots: int, width: int = 1) -> None:
        """``width``: W at most."""
        self._table = row_statistics.empty(slots)
        self._notes = np.zeros((slots, max(NOTES, width), 2), np.float32)
        self._counts = np.zeros((slots, 2), np.int64)
        self._window = np.zeros((slots, CONFIDENCE_WINDOW), np.float32)
        self._sums = np.zeros(slots, np.float32)
        self._sizes = np.ones(slots, np.int64)
        self._probe = np.full(slots, NEVER_DUE)
        """Next probe of each."""
        self._due = np.full(slots, NEVER_DUE)
        """Tokens from which on every score may be asked for."""
        self._stops = np.full((STOPS, slots), -1, np.int32)
        self._most_stops = 0
        self._probes: dict[int, list[int]] = {}
        self._ends: dict[int, Ends] = {}
        self._step: _Distribution | None = None

    def begin(self, slot: int, window: int, ends: Ends) -> None:
        self._table[slot] = 0.0
        self._counts[slot] = 0
        self._sums[slot], self._sizes[slot] = 0.0, window
        self._probes[slot] = list(reversed(ends.probes))
        self._ends[slot] = ends
        self._stops[:, slot] = -1
        self._stops[: len(ends.stops), slot] = ends.stops
        self._most_stops = max(self._most_stops, len(ends.stops))
        self._next_probe(slot)

    def _next_probe(self, slot: int) -> None:
        """Look for the first probe that the request has not reached."""
        probes, ends = self._probes[slot], self._ends[slot]
        while probes and probes[-1] <= self._counts[slot, LENGTH]:
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
        slots, tokens = places.slots, sampled.numpy()[places.lines]
        new = tokens >= 0
        counts = new.sum(1)
        before = self._with_room(slots, tokens.shape[1])
        self._note(places, tokens, new, before[:, HELD], step)
        self._counts[slots] = before + counts[:, None]
        confidence = None
        if step.confidence is not None:
            confidence = self._windowed(places, before[:, LENGTH], new, step.confidence)
        wanted = self._wanted(slots, before[:, LENGTH], tokens) & new
        if wanted.any():
            for slot in slots[self._counts[slots, LENGTH] >= self._probe[slots]].tolist():
                self._next_probe(slot)
        return Kept(counts, wanted, confidence, slots, before, self._table, self._notes)

    def _with_room(self, slots: Ints, width: int) -> Ints:
        """Counts [S, 2], after those whose notes have no room for ``width`` more have added them up."""
        before = self._counts[slots]
        full = before[:, HELD] > self._notes.shape[1] - width
        if full.any():
            at = slots[full]
            held = before[full, HELD]
            self._table[at] = row_statistics.added(self._table[at], self._notes[at], held)
            before[full, HELD] = 0
        return before

    def _note(
        self, places: Places, tokens: Ints, new: NDArray[np.bool_], held: Ints, step: _Distribution
    ) -> None:
        """Log-probability and entropy of each new token, [S, W]."""
        for j in range(tokens.shape[1]):
            who = slice(None) if new[:, j].all() else np.nonzero(new[:, j])[0]
            slots, rows, at = places.slots[who], places.starts[who] + j, held[who] + j
            self._notes[slots, at, 0] = step.logprobs[rows, tokens[who, j]]
            self._notes[slots, at, 1] = step.entropy[rows]

    def _wanted(self, slots: Ints, lengths: Ints, tokens: Ints) -> NDArray[np.bool_]:
        """[S, W]; what follows a probe in the same run is wanted too, for there may be another one."""
        after = lengths[:, None] + np.arange(1, tokens.shape[1] + 1)
        wanted: NDArray[np.bool_] = after >= self._due[slots, None]
        for stops in self._stops[: self._most_stops]:
            wanted |= stops[slots, None] == tokens
        return wanted

    def _windowed(
        self, places: Places, lengths: Ints, new: NDArray[np.bool_], signal: Floats
    ) -> Floats:
        """[S, W] mean confidence of the last tokens; ``signal``: [L] of each token."""
        means = np.zeros(new.shape, np.float32)
        for j in range(new.shape[1]):
            who = np.nonzero(new[:, j])[0]
            slots, at = places.slots[who], lengths[who] + j
            sizes, latest = self._sizes[slots], signal[places.starts[who] + j]
            oldest = self._window[slots, (at - sizes) % CONFIDENCE_WINDOW]
            self._window[slots, at % CONFIDENCE_WINDOW] = latest
            self._sums[slots] += latest - np.where(at >= sizes, oldest, np.float32(0.0))
            means[who, j] = self._sums[slots] / np.minimum(at + 1, sizes)
        return means
