"""Scores and head inputs on a CPU: those of the few tokens where one can matter."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from arrol_serve.engine.plugin.recording import Recorder
from arrol_serve.engine.plugin.scoring.host_fold import Kept
from arrol_serve.engine.plugin.scoring.selection import Selection
from arrol_serve.engine.plugin.wire import StepScores

UNKNOWN = (math.nan, math.nan, math.nan)


class Asked:
    """The M tokens of a step that something may be asked of, with what a head reads there."""

    def __init__(self, selection: Selection, hidden: Tensor, kept: Kept) -> None:
        """``hidden``: [rows of the step, D]."""
        self._selection, self._hidden, self._kept = selection, hidden, kept
        self.who, self.place = np.nonzero(kept.wanted)
        """[M] requests, and which of their new tokens."""

    def __len__(self) -> int:
        return len(self.who)

    @cached_property
    def states(self) -> Tensor:
        """[M, D]"""
        return self._hidden[self._selection.places.rows_of(self.who, self.place)].float()

    @cached_property
    def features(self) -> Tensor:
        """[M, K] running statistics."""
        return self._kept.features(self.who, self.place)

    def scores(self) -> StepScores:
        scores = StepScores()
        if not len(self):
            return scores
        by_request: dict[int, list[tuple[float, ...]]] = {}
        values = zip(self.who.tolist(), self.place.tolist(), self._values().tolist(), strict=True)
        for i, j, triple in values:
            run = by_request.setdefault(i, [UNKNOWN] * int(self._kept.counts[i]))
            run[j] = tuple(triple)
        for i, run in by_request.items():
            scores.add(self._selection.req_ids[i], run, self._selection.versions[i])
        return scores

    def _values(self) -> Tensor:
        """[M, 3]"""
        values = torch.full((len(self), 3), math.nan)
        if self._kept.confidence is not None:
            values[:, 1] = torch.from_numpy(self._kept.confidence[self.who, self.place])
        for named, owners in self._selection.heads:
            if named.head is None:
                continue
            mine = slice(None) if owners is None else np.nonzero(np.isin(self.who, owners))[0]
            raw = named.head.raw(self.states[mine], self.features[mine])
            values[mine, 0], values[mine, 2] = named.head.calibrated(raw)
        return values

    def record(self, recorder: Recorder) -> None:
        """Keep the head inputs of the recorded requests."""
        mine = np.nonzero(np.isin(self.who, self._selection.records))[0]
        if not len(mine):
            return
        who = self.who[mine]
        joined = torch.cat([self.states[mine], self.features[mine]], dim=1)
        lengths = self._kept.lengths(who, self.place[mine]).tolist()
        recorder.add([self._selection.req_ids[i] for i in who], lengths, joined)
