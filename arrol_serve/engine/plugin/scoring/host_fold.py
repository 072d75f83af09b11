"""The statistics on a CPU, where the scheduler waits for each step.

A small model has short steps, and what costs is how many calls one makes. So steps only keep their logits,
while these are small, until a score is asked for or memory is full; then they are read all at once. Nothing
compiled: numba, once loaded, breaks the next engine that vLLM builds in the process.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arrol_serve.engine.plugin.scoring.ends import STOPS, Ends
from arrol_serve.engine.plugin.scoring.fold import Ints, Places
from arrol_serve.engine.plugin.scoring.host_distribution import Distribution, Workplace
from arrol_serve.engine.plugin.scoring.host_pending import STEPS, Pending
from arrol_serve.engine.plugin.scoring.host_rounds import Round, Tokens, rounds
from arrol_serve.engine.plugin.scoring.host_window import ConfidenceWindow
from arrol_serve.quality import row_statistics
from arrol_serve.quality.row_statistics import NOTES, Floats

NEVER_DUE = np.iinfo(np.int64).max
HELD, LENGTH = range(2)
"""Columns: tokens that are noted and not added up yet, and all of them."""


@dataclass(slots=True)
class Kept:
    """What is known, until the next step, of the M new tokens that a score may be asked of."""

    who: Ints
    """[M] which of the step's requests."""
    place: Ints
    """[M] which of its new tokens."""
    new: Ints
    """[M] how many it has."""
    lengths: Ints
    """[M] generated tokens, this one included."""
    confidence: Floats
    """[M] NaN where it was not asked for."""
    slots: Ints
    """[M]"""
    held: Ints
    """[M] of its notes, those that count."""
    table: Floats
    """[slots, COLUMNS] running statistics without what is only noted."""
    notes: Floats
    """[slots, tokens, 2]"""

    def features(self) -> Tensor:
        """[M, len(STATISTICS)]"""
        rows = row_statistics.added(self.table[self.slots], self.notes[self.slots], self.held)
        return torch.from_numpy(row_statistics.features(rows))


class HostFold:
    """As ``Fold`` otherwise."""

    def __init__(self, slots: int, width: int = 1) -> None:
        """``width``: W at most."""
        self._width = width
        self._table = row_statistics.empty(slots)
        self._notes = np.zeros((slots, 2 * NOTES + max(STEPS, width), 2), np.float32)
        self._counts = np.zeros((slots, 2), np.int64)
        """Without what is pending."""
        self._window = ConfidenceWindow(slots)
        self._probe = np.full(slots, NEVER_DUE)
        """Next probe of each."""
        self._due = np.full(slots, NEVER_DUE)
        """Tokens from which on every score may be asked for."""
        self._quiet: int = NEVER_DUE
        """In fewer steps nobody comes to these."""
        self._stopping: Counter[int] = Counter()
        """At which tokens any request may end."""
        self._stops = np.full((STOPS, slots), -1, np.int32)
        self._most_stops = 0
        self._probes: dict[int, list[int]] = {}
        self._ends: dict[int, Ends] = {}
        self._work = Workplace()
        self._pending = Pending(self._work)
        self._left: set[int] = set()
        """Slots of requests that have ended, of which tokens may be pending."""
        self._read: Distribution | None = None
        """Of a step whose logits are not kept."""

    def begin(self, slot: int, window: int, ends: Ends) -> None:
        if slot in self._ends:
            self.end(slot)
        if slot in self._left:
            self._catch_up()
        self._table[slot] = 0.0
        self._counts[slot] = 0
        self._window.begin(slot, window)
        self._probes[slot] = list(reversed(ends.probes))
        self._stopping.update(ends.stops)
        self._ends[slot] = ends
        self._stops[:, slot] = -1
        self._stops[: len(ends.stops), slot] = ends.stops
        self._most_stops = max(self._most_stops, len(ends.stops))
        self._next_probe(slot)
        self._quiet = min(self._quiet, int(self._due[slot]))

    def end(self, slot: int) -> None:
        self._stopping -= Counter(self._ends.pop(slot).stops)
        self._due[slot] = self._probe[slot] = NEVER_DUE
        self._left.add(slot)

    def _next_probe(self, slot: int) -> None:
        """Look for the first probe that the request has not reached."""
        probes, ends = self._probes[slot], self._ends[slot]
        while probes and probes[-1] <= self._counts[slot, LENGTH]:
            probes.pop()
        self._probe[slot] = probes[-1] if probes else NEVER_DUE
        self._due[slot] = 0 if ends.anywhere else min(self._probe[slot], ends.longest)

    def before(self, places: Places, logits: Tensor, *, confidence: bool) -> None:
        if self._width == 1 and self._pending.holds(len(places.slots), logits.shape[1]):
            if not self._pending.has_room(len(places.slots)):
                self._catch_up()
            self._pending.read(places, logits, confidence=confidence)
        else:
            self._catch_up()
            self._read = self._work.distribution(places.take(logits), confidence=confidence)

    def after(self, places: Places, sampled: Tensor) -> Kept | None:
        """None: no score of this step may be asked for."""
        tokens = sampled.numpy()
        if places.rows is not None:
            tokens = tokens[places.lines]
        if self._read is None:
            return self._later(places.slots, tokens[:, 0])
        read, self._read = self._read, None
        return self._now(places, tokens, read)

    def _later(self, slots: Ints, tokens: Tokens) -> Kept | None:
        """Figures of all steps that wait, if somebody's score may be asked for."""
        self._pending.add(slots, tokens)
        self._quiet -= 1
        if self._quiet > 0 and self._stopping.keys().isdisjoint(tokens.tolist()):
            return None
        means = self._catch_up()[-1]
        lengths = self._counts[slots, LENGTH]
        who = np.nonzero(self._wanted(slots, lengths[:, None], tokens[:, None]))[0]
        self._passed(slots)
        if not len(who):
            return None
        return self._kept(who, np.zeros_like(who), np.ones_like(who), slots[who], means[who])

    def _now(self, places: Places, tokens: Tokens, read: Distribution) -> Kept | None:
        """The same for a step that does not wait, with several tokens a request."""
        new, slots, width = tokens >= 0, places.slots, tokens.shape[1]
        at, who = np.nonzero(new.T)
        rows = np.minimum(places.starts[who] + at, len(read.entropy) - 1)
        bounds = np.searchsorted(at, np.arange(width + 1)).tolist()
        before = self._counts[slots, LENGTH]
        means = self._note(rounds(read, rows, slots[who], tokens[who, at], bounds))
        wanted = self._wanted(slots, before[:, None] + np.arange(1, width + 1), tokens) & new
        self._passed(slots)
        confidence = np.full(tokens.shape, np.nan, np.float32)
        confidence[who, at] = np.concatenate(means)
        who, place = np.nonzero(wanted)
        if not len(who):
            return None
        return self._kept(who, place, new.sum(1)[who], slots[who], confidence[who, place])

    def _kept(self, who: Ints, place: Ints, new: Ints, slots: Ints, confidence: Floats) -> Kept:
        counts = self._counts[slots] - (new - place - 1)[:, None]
        lengths, held = counts[:, LENGTH], counts[:, HELD]
        return Kept(who, place, new, lengths, confidence, slots, held, self._table, self._notes)

    def _catch_up(self) -> list[Floats]:
        """Note all that is pending."""
        self._left.clear()
        return [] if self._pending.empty else self._note(self._pending.take())

    def _note(self, made: list[Round]) -> list[Floats]:
        """The confidence of each round's requests after it; NaN where it was not asked for."""
        self._make_room(len(made))
        means = []
        for one in made:
            counts = self._counts[one.slots]
            self._notes[one.slots, counts[:, HELD]] = one.pairs
            self._counts[one.slots] = counts + 1
            if one.confidence is None:
                means.append(np.full(len(one.slots), np.nan, np.float32))
            else:
                means.append(self._window.add(one.slots, counts[:, LENGTH], one.confidence))
        return means

    def _make_room(self, width: int) -> None:
        """For so many more notes of each request.

        If need be, the first ``NOTES`` of all that have as many are added up.
        """
        while self._counts[:, HELD].max() > self._notes.shape[1] - width:
            at = np.nonzero(self._counts[:, HELD] >= NOTES)[0]
            notes = self._notes[at]
            whole = np.full(len(at), NOTES)
            self._table[at] = row_statistics.added(self._table[at], notes, whole)
            self._notes[at, :-NOTES] = notes[:, NOTES:]
            self._counts[at, HELD] -= NOTES

    def _wanted(self, slots: Ints, lengths: Ints, tokens: Tokens) -> NDArray[np.bool_]:
        """Whether a score may be asked for after the tokens [S, W]; ``lengths`` [S, W]: as of each.

        What follows a probe in the same step is wanted too, for there may be another one.
        """
        wanted: NDArray[np.bool_] = lengths >= self._due[slots, None]
        for stops in self._stops[: self._most_stops]:
            wanted |= stops[slots, None] == tokens
        return wanted

    def _passed(self, slots: Ints) -> None:
        """Look for the next probe of those that came to one."""
        for slot in slots[self._counts[slots, LENGTH] >= self._probe[slots]].tolist():
            self._next_probe(slot)
        if self._quiet <= 0:
            self._quiet = int((self._due - self._counts[:, LENGTH]).min())
