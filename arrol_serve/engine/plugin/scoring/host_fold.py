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
from arrol_serve.engine.plugin.scoring.host_pending import Pending
from arrol_serve.engine.plugin.scoring.host_rounds import Round, Tokens, rounds
from arrol_serve.engine.plugin.scoring.host_window import ConfidenceWindow
from arrol_serve.quality import row_statistics
from arrol_serve.quality.row_statistics import Floats

NEVER_DUE = np.iinfo(np.int64).max


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
    features: Tensor
    """[M, len(STATISTICS)]"""
    confidence: Floats
    """[M] NaN where it was not asked for."""


class HostFold:
    """As ``Fold`` otherwise."""

    def __init__(self, slots: int, width: int = 1) -> None:
        """``width``: W at most."""
        self._width = width
        self._table = row_statistics.empty(slots)
        self._lengths = np.zeros(slots, np.int64)
        """Tokens of each, in both without what is pending."""
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
        self._lengths[slot] = 0
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
        while probes and probes[-1] <= self._lengths[slot]:
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
        means = self._catch_up()
        lengths = self._lengths[slots]
        wanted = self._wanted(slots, lengths, tokens)
        self._passed(slots)
        who = np.nonzero(wanted)[0]
        if not len(who):
            return None
        rows = row_statistics.features(self._table[slots[who]])
        return Kept(
            who=who,
            place=np.zeros_like(who),
            new=np.ones_like(who),
            lengths=lengths[who],
            features=torch.from_numpy(rows),
            confidence=means[who],
        )

    def _now(self, places: Places, tokens: Tokens, read: Distribution) -> Kept | None:
        """The same for a step that does not wait, a round a token: each of them may be asked for."""
        slots, found = places.slots, []
        for j, mine in enumerate(tokens.T):
            who = np.nonzero(mine >= 0)[0]
            rows = np.minimum(places.starts[who] + j, len(read.entropy) - 1)
            made = rounds(read, rows, mine[who], [(slots[who], 1)])
            means = self._note(made)
            lengths = self._lengths[slots[who]]
            asked = np.nonzero(self._wanted(slots[who], lengths, mine[who]))[0]
            features = row_statistics.features(self._table[slots[who[asked]]])
            found.append(
                (who[asked], np.full(len(asked), j), lengths[asked], features, means[asked])
            )
        self._quiet -= 1
        self._passed(slots)
        who, place, lengths, features, means = (
            np.concatenate(part) for part in zip(*found, strict=True)
        )
        if not len(who):
            return None
        order = np.lexsort((place, who))
        return Kept(
            who=who[order],
            place=place[order],
            new=(tokens >= 0).sum(1)[who[order]],
            lengths=lengths[order],
            features=torch.from_numpy(features[order]),
            confidence=means[order],
        )

    def _catch_up(self) -> Floats:
        """Note all that is pending; the confidence [S] after the last step."""
        self._left.clear()
        return np.empty(0, np.float32) if self._pending.empty else self._note(self._pending.take())

    def _note(self, made: list[Round]) -> Floats:
        """The confidence [N] after the last round; NaN where it was not asked for."""
        for one in made:
            row_statistics.add(self._table, one.slots, one.pairs)
            means = np.full(len(one.slots), np.nan, np.float32)
            for signal in () if one.confidence is None else one.confidence:
                means = self._window.add(one.slots, signal)
            self._lengths[one.slots] += len(one.pairs)
        return means

    def _wanted(self, slots: Ints, lengths: Ints, tokens: Tokens) -> NDArray[np.bool_]:
        """Whether a score may be asked for after the tokens [S], which make them ``lengths`` [S] long.

        What follows a probe in the same step is wanted too, for there may be another one.
        """
        wanted: NDArray[np.bool_] = lengths >= self._due[slots]
        for stops in self._stops[: self._most_stops]:
            wanted |= stops[slots] == tokens
        return wanted

    def _passed(self, slots: Ints) -> None:
        """Look for the next probe of those that came to one."""
        for slot in slots[self._lengths[slots] >= self._probe[slots]].tolist():
            self._next_probe(slot)
        if self._quiet <= 0:
            self._quiet = int((self._due - self._lengths).min())
