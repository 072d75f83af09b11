"""The statistics on a CPU, where the scheduler waits for each step and tokens show which scores matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arrol_serve.engine.plugin.scoring.ends import STOPS, Ends
from arrol_serve.engine.plugin.scoring.fold import CONFIDENCE_TOP_K, Ints, Places
from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW
from arrol_serve.quality.statistics import COLUMNS, STATISTICS

Floats = NDArray[np.float32]
NEVER_DUE = np.iinfo(np.int64).max
NOTHING, NO_MEANS = np.empty((0, 0), np.float32), np.empty(0, np.float32)
MANY = 2**20
"""Numbers that several cores are worth waking for."""


@dataclass(slots=True)
class Kept:
    """What is known of the M new tokens that a score may be asked of."""

    who: Ints
    """[M] which of the step's requests."""
    place: Ints
    """[M] which of its new tokens."""
    new: Ints
    """[M] how many it has."""
    lengths: Ints
    """[M] generated tokens, this one included."""
    rows: Ints
    """[M] which of the rows that were read."""
    features: Floats
    """[M, len(STATISTICS)]"""
    values: Floats
    """[M, 3] as in ``StepScores``: NaN but for confidence, and that too where nobody asked for it."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Memory for one step's L rows, [L, V] each, by both names."""

    logits: Tensor
    shares: Tensor
    arrays: tuple[Floats, Floats]


class RowMemory:
    """It stays: in what is allocated anew page faults cost more than the arithmetic."""

    def __init__(self) -> None:
        self._numbers = np.empty(0, np.float32)
        self._rows: dict[tuple[int, int], Rows] = {}

    def of(self, rows: int, vocabulary: int) -> Rows:
        """With whatever is in them."""
        found = self._rows.get((rows, vocabulary))
        return self._made(rows, vocabulary) if found is None else found

    def _made(self, rows: int, vocabulary: int) -> Rows:
        if 2 * rows * vocabulary > len(self._numbers):
            self._numbers = np.empty(2 * rows * vocabulary, np.float32)
            self._rows = {}
        arrays = self._numbers[: 2 * rows * vocabulary].reshape(2, rows, vocabulary)
        with torch.inference_mode(mode=False):  # it is written to in that mode and out of it
            logits, shares = (torch.from_numpy(one) for one in arrays)
        made = self._rows[rows, vocabulary] = Rows(logits, shares, (arrays[0], arrays[1]))
        return made


class HostFold:
    """As ``Fold`` otherwise."""

    def __init__(self, slots: int) -> None:
        from arrol_serve.engine.plugin.scoring import host_kernels  # compiles; GPUs do without

        self._kernels: Any = host_kernels
        self._table = np.zeros((slots, COLUMNS), np.float32)
        self._windows = np.zeros((slots, CONFIDENCE_WINDOW + 1), np.float32)
        self._sizes = np.zeros(slots, np.int64)
        self._lengths = np.zeros(slots, np.int64)
        self._due = np.full(slots, NEVER_DUE)
        self._stops = np.full((slots, STOPS), -1, np.int32)
        self._ends: dict[int, Ends] = {}
        self._probes: dict[int, list[int]] = {}
        """Those that a request has not come to, latest first."""
        self._make_room(slots)
        self._memory = RowMemory()
        self._read: tuple[Floats, Floats, Floats, Floats] | None = None
        """Logits, their softmax, means by it and the greatest of them, by row."""

    def _make_room(self, tokens: int) -> None:
        self._asked = np.empty((tokens, 5), np.int64)
        self._figures = np.empty((tokens, len(STATISTICS) + 3), np.float32)

    def begin(self, slot: int, window: int, ends: Ends) -> None:
        self._table[slot] = 0.0
        self._windows[slot, -1] = 0.0
        self._sizes[slot], self._lengths[slot] = window, 0
        self._stops[slot] = -1
        self._stops[slot, : len(ends.stops)] = ends.stops
        self._ends[slot] = ends
        self._probes[slot] = list(reversed(ends.probes))
        self._look_ahead(slot)

    def end(self, slot: int) -> None:
        """Whatever is there gives way to the next one."""

    def _look_ahead(self, slot: int) -> None:
        """From which token on every one may be asked for: the next probe, or the last token."""
        probes, ends = self._probes[slot], self._ends[slot]
        while probes and probes[-1] <= self._lengths[slot]:
            probes.pop()
        next_probe = probes[-1] if probes else NEVER_DUE
        self._due[slot] = 0 if ends.anywhere else min(next_probe, ends.longest)

    def before(self, places: Places, logits: Tensor, *, confidence: bool) -> None:
        logits = places.take(logits)
        rows = self._memory.of(*logits.shape)
        rows.logits.copy_(logits)
        torch.softmax(rows.logits, 1, out=rows.shares)
        top = NOTHING
        if confidence:
            top = rows.logits.topk(min(CONFIDENCE_TOP_K, logits.shape[1]), dim=1).values.numpy()
        many = rows.logits.numel() >= MANY
        means = torch.linalg.vecdot(rows.shares, rows.logits).numpy() if many else NO_MEANS
        self._read = *rows.arrays, means, top

    def after(self, places: Places, sampled: Tensor) -> Kept | None:
        """None: no score of this step may be asked for."""
        read, self._read = self._read, None
        assert read is not None  # noqa: S101  # ``before`` was called
        tokens = sampled.numpy().astype(np.int32, copy=False)
        if len(places.slots) * tokens.shape[1] > len(self._asked):
            self._make_room(len(places.slots) * tokens.shape[1])
        count: int = self._kernels.note(
            *(self._table, self._windows, self._sizes, self._lengths, self._due, self._stops),
            *read,
            *(places.slots, places.starts, places.lines, tokens),
            *(self._asked, self._figures),
        )
        if not count:
            return None
        who, place, new, lengths, rows = self._asked[:count].T.copy()
        for slot in places.slots[who].tolist():
            if self._probes[slot]:
                self._look_ahead(slot)
        figures = self._figures[:count].copy()
        return Kept(
            who=who,
            place=place,
            new=new,
            lengths=lengths,
            rows=rows,
            features=figures[:, :-3],
            values=figures[:, -3:],
        )
