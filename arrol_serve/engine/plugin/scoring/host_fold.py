"""The statistics on a CPU, where the scheduler waits for each step and tokens show which scores matter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arrol_serve.engine.plugin.scoring.ends import STOPS, Ends
from arrol_serve.engine.plugin.scoring.fold import CONFIDENCE_TOP_K, Ints, Places
from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW
from arrol_serve.quality.statistics import STATISTICS

Floats = NDArray[np.float32]
NEVER_DUE = np.iinfo(np.int64).max
NO_STOPS = (-1,) * STOPS
NOTHING = np.empty((0, 0), np.float32)
MANY, CORES = 2**20, 6
"""Numbers that several cores are worth waking for, and how many of them are faster than compiled code."""


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


class Rows(NamedTuple):
    """Memory for one step's L rows."""

    tensor: Tensor
    """[L, V]"""
    array: Floats
    """The same."""
    distribution: Floats
    """[2, L] as ``host_entropy.read`` makes it."""


class RowMemory:
    """It stays: in what is allocated anew page faults cost more than the arithmetic."""

    def __init__(self) -> None:
        self._numbers = np.empty(0, np.float32)
        self._rows: dict[tuple[int, ...], Rows] = {}

    def of(self, shape: tuple[int, ...]) -> Rows:
        """With whatever is in it."""
        found = self._rows.get(shape)
        return self._made(shape) if found is None else found

    def _made(self, shape: tuple[int, ...]) -> Rows:
        size = math.prod(shape)
        if size > len(self._numbers):
            self._numbers = np.empty(size, np.float32)
            self._rows = {}
        array = self._numbers[:size].reshape(shape)
        with torch.inference_mode(mode=False):  # it is written to in that mode and out of it
            tensor = torch.from_numpy(array)
        made = self._rows[shape] = Rows(tensor, array, np.empty((2, shape[0]), np.float32))
        return made


class HostFold:
    """As ``Fold`` otherwise."""

    def __init__(self, slots: int) -> None:
        # They compile; GPUs do without.
        from arrol_serve.engine.plugin.scoring import host_entropy, host_kernels

        self._note: Any = host_kernels.note
        self._none = (0.0,) * len(host_kernels.SUMS)
        self._read: Any = host_entropy.read
        self._slots = np.zeros(slots, host_kernels.SLOT)
        self._lengths, self._due = self._slots["length"], self._slots["due"]
        self._windows = np.zeros((slots, CONFIDENCE_WINDOW + 1), np.float32)
        self._ends: dict[int, Ends] = {}
        self._probes: dict[int, list[int]] = {}
        """Those that a request has not come to, latest first."""
        self._make_room(slots)
        self._logits, self._shares = RowMemory(), RowMemory()
        self._seen: tuple[Floats, Floats, Floats] | None = None
        """Logits, their distribution and the greatest of them, by row."""

    def _make_room(self, tokens: int) -> None:
        self._asked = np.empty((tokens, 5), np.int64)
        self._figures = np.empty((tokens, len(STATISTICS) + 3), np.float32)

    def begin(self, slot: int, window: int, ends: Ends) -> None:
        stops = (*ends.stops, *NO_STOPS[len(ends.stops) :])
        self._slots[slot] = (*self._none, stops, window, 0, 0)
        self._windows[slot, -1] = 0.0
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
        rows = self._logits.of(logits.shape)
        rows.tensor.copy_(logits)
        if logits.numel() >= MANY and torch.get_num_threads() >= CORES:
            self._read_together(rows)
        else:
            self._read(rows.array, rows.distribution)
        top = NOTHING
        if confidence:
            top = rows.tensor.topk(min(CONFIDENCE_TOP_K, logits.shape[1]), dim=1).values.numpy()
        self._seen = rows.array, rows.distribution, top

    def _read_together(self, rows: Rows) -> None:
        """As ``host_entropy.read`` by many cores, but for the last digits."""
        logits, distribution = rows.tensor, rows.distribution
        shares = self._shares.of(logits.shape).tensor
        logits.sub_(logits.amax(1, keepdim=True))  # large ones would take the entropy's last digits
        torch.softmax(logits, 1, out=shares)
        normalisers = -shares.amax(1).log()
        distribution[0] = normalisers.numpy()
        distribution[1] = (normalisers - torch.linalg.vecdot(shares, logits)).numpy()
        again = np.isnan(distribution[1])  # of masked tokens: 0 * -inf is not 0
        if again.any():
            found = np.empty((2, int(again.sum())), np.float32)
            self._read(rows.array[again], found)
            distribution[:, again] = found

    def after(self, places: Places, sampled: Tensor) -> Kept | None:
        """None: no score of this step may be asked for."""
        seen, self._seen = self._seen, None
        assert seen is not None  # noqa: S101  # ``before`` was called
        tokens = (sampled if sampled.dtype is torch.int32 else sampled.int()).numpy()
        most = places.numbers.shape[1] * tokens.shape[1]
        if most > len(self._asked):
            self._make_room(most)
        count: int = self._note(
            *(self._slots, self._windows, *seen, places.numbers, tokens),
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
