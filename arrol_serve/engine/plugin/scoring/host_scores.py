"""Scores and head inputs on a CPU: those of the few tokens where one can matter."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from arrol_serve.engine.plugin.recording import Recorder
from arrol_serve.engine.plugin.scoring.fold import Ints
from arrol_serve.engine.plugin.scoring.host_fold import Floats, Kept
from arrol_serve.engine.plugin.scoring.host_head import judge
from arrol_serve.engine.plugin.scoring.selection import Selection
from arrol_serve.engine.plugin.wire import StepScores
from arrol_serve.quality.head import QualityHead

UNKNOWN = [math.nan, math.nan, math.nan]


class Asked:
    """The M tokens of a step that something may be asked of, with what a head reads there."""

    def __init__(self, selection: Selection, hidden: Tensor, kept: Kept) -> None:
        """``hidden``: [rows of the step, D]."""
        self._selection, self._hidden, self._kept = selection, hidden, kept

    @cached_property
    def _states(self) -> tuple[Floats, Ints]:
        """States, and where in them those of the tokens are, [M]."""
        rows = self._selection.places.rows_of(self._kept.rows)
        if self._hidden.dtype == torch.float32 and self._hidden.is_contiguous():
            return self._hidden.numpy(), rows
        return self._hidden[torch.from_numpy(rows)].float().numpy(), np.arange(len(rows))

    def done(self) -> bool:
        """Whether any of the requests has nothing more to be asked of."""
        held, found = self._selection.held, False
        if not self._selection.limited:
            return False
        for i, tokens in zip(self._kept.who, self._kept.lengths, strict=True):
            if tokens >= held[i].last:
                held[i].done = found = True
        return found

    def scores(self) -> StepScores:
        """Of the requests that have any among these tokens."""
        selection, kept = self._selection, self._kept
        who, values = kept.who.tolist(), self._values().tolist()
        runs = {i: [value] for i, value in zip(who, values, strict=True)}
        if selection.width > 1:
            news, places = kept.new.tolist(), kept.place.tolist()
            runs = {i: [UNKNOWN] * new for i, new in zip(who, news, strict=True)}
            for i, place, value in zip(who, places, values, strict=True):
                runs[i][place] = value
        return StepScores(
            [selection.req_ids[i] for i in runs],
            list(runs.values()),
            [selection.held[i].named.version for i in runs],
        )

    def _values(self) -> Floats:
        """[M, 3]"""
        features, values = self._kept.features, self._kept.values
        if self._selection.wants_confidence:
            silent = [not self._selection.held[i].by_confidence for i in self._kept.who]
            values[silent, 1] = np.nan
        states, rows = self._states
        for head, mine in self._by_head().items():
            judge(head, np.array(mine), rows, states, features, values)
        return values

    def _by_head(self) -> dict[QualityHead, list[int]]:
        """Which of the tokens each scores."""
        found: dict[QualityHead, list[int]] = {}
        for place, i in enumerate(self._kept.who.tolist()):
            if (head := self._selection.held[i].named.head) is not None:
                found.setdefault(head, []).append(place)
        return found

    def record(self, recorder: Recorder) -> None:
        """Keep the head inputs of the recorded requests."""
        if not self._selection.wants_records:
            return
        kept, held = self._kept, self._selection.held
        mine = [place for place, i in enumerate(kept.who.tolist()) if held[i].recorded]
        if not mine:
            return
        states, rows = self._states
        joined = np.concatenate([states[rows[mine]], kept.features[mine]], axis=1)
        names = [self._selection.req_ids[i] for i in kept.who[mine]]
        recorder.add(names, kept.lengths[mine].tolist(), torch.from_numpy(joined))
