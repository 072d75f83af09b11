"""The statistics on a CPU, where the scheduler waits for each step.

A small model has short steps, and what costs is how many calls one makes. So steps with the same requests
only keep their logits, while these are small, until a score is asked for; then they are read all at once.
Nothing compiled: numba, once loaded, breaks the next engine that vLLM builds in the process.
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
from arrol_serve.engine.plugin.scoring.host_run import STEPS, Run, Tokens, Workplace
from arrol_serve.engine.plugin.scoring.host_window import ConfidenceWindow
from arrol_serve.quality import row_statistics
from arrol_serve.quality.row_statistics import NOTES, Floats

NEVER_DUE = np.iinfo(np.int64).max
HELD, LENGTH = range(2)
"""Columns: tokens that are noted and not added up yet, and all of them."""


@dataclass(slots=True)
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


class HostFold:
    """As ``Fold`` otherwise."""

    def __init__(self, slots: int, width: int = 1) -> None:
        """``width``: W at most."""
        self._table = row_statistics.empty(slots)
        self._notes = np.zeros((slots, 2 * NOTES + max(STEPS, width), 2), np.float32)
        self._counts = np.zeros((slots, 2), np.int64)
        self._most_held = 0
        """No request has more notes."""
        self._window = ConfidenceWindow(slots)
        self._probe = np.full(slots, NEVER_DUE)
        """Next probe of each."""
        self._due = np.full(slots, NEVER_DUE)
        """Tokens from which on every score may be asked for."""
        self._stopping: Counter[int] = Counter()
        """At which tokens any request may end."""
        self._stops = np.full((STOPS, slots), -1, np.int32)
        self._most_stops = 0
        self._probes: dict[int, list[int]] = {}
        self._ends: dict[int, Ends] = {}
        self._run: Run | None = None
        self._work = Workplace()

    def begin(self, slot: int, window: int, ends: Ends) -> None:
        self._catch_up()
        self._table[slot] = 0.0
        self._counts[slot] = 0
        self._window.begin(slot, window)
        self._probes[slot] = list(reversed(ends.probes))
        if (earlier := self._ends.get(slot)) is not None:
            self._stopping -= Counter(earlier.stops)
        self._stopping.update(ends.stops)
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
        run = self._run
        if run is None or run.places is not places:
            self._catch_up()
            slots = places.slots
            due = int((self._due[slots] - self._counts[slots, LENGTH]).min())
            stops = self._stopping.keys()
            self._run = run = Run(self._work, places, stops, due, confidence=confidence)
        run.read(places.take(logits))

    def after(self, places: Places, sampled: Tensor) -> Kept | None:
        """None: no score of this step may be asked for."""
        run = self._run
        assert run is not None  # noqa: S101  # ``before`` was called
        tokens = sampled.numpy()
        if places.rows is not None:
            tokens = tokens[places.lines]
        if run.goes_on(tokens):
            return None
        kept = self._take(run)
        self._run = None
        if kept.wanted.any():
            slots = places.slots
            for slot in slots[self._counts[slots, LENGTH] >= self._probe[slots]].tolist():
                self._next_probe(slot)
        return kept

    def _catch_up(self) -> None:
        run, self._run = self._run, None
        if run is not None and run.tokens:
            self._take(run)

    def _take(self, run: Run) -> Kept:
        """Note the tokens of all steps of the run; what is known of the last one."""
        slots, steps = run.places.slots, len(run.tokens)
        figures = run.figures()
        new = figures.tokens >= 0
        width = new.shape[1] // steps
        before = self._with_room(slots, new.shape[1])
        who, place = np.nonzero(new)
        self._notes[slots[who], before[who, HELD] + place] = figures.pairs[who, place]
        self._counts[slots] = before + new.sum(1)[:, None]
        confidence = None
        if figures.confidence is not None:
            confidence = self._window.add(slots, before[:, LENGTH], new, figures.confidence)
            confidence = confidence[:, -width:]
        before, last = before + (steps - 1), new[:, -width:]
        wanted = self._wanted(slots, before[:, LENGTH], figures.tokens[:, -width:]) & last
        return Kept(last.sum(1), wanted, confidence, slots, before, self._table, self._notes)

    def _with_room(self, slots: Ints, width: int) -> Ints:
        """Counts [S, 2] of requests that have room for ``width`` more notes: if need be, the first ``NOTES``
        of all that have as many are added up.
        """
        while self._most_held > self._notes.shape[1] - width:
            at = np.nonzero(self._counts[:, HELD] >= NOTES)[0]
            notes = self._notes[at]
            whole = np.full(len(at), NOTES)
            self._table[at] = row_statistics.added(self._table[at], notes, whole)
            self._notes[at, :-NOTES] = notes[:, NOTES:]
            self._counts[at, HELD] -= NOTES
            self._most_held = int(self._counts[:, HELD].max())
        self._most_held += width
        before: Ints = self._counts[slots]
        return before

    def _wanted(self, slots: Ints, lengths: Ints, tokens: Tokens) -> NDArray[np.bool_]:
        """[S, W]; what follows a probe in the same run is wanted too, for there may be another one."""
        after = lengths[:, None] + np.arange(1, tokens.shape[1] + 1)
        wanted: NDArray[np.bool_] = after >= self._due[slots, None]
        for stops in self._stops[: self._most_stops]:
            wanted |= stops[slots, None] == tokens
        return wanted
