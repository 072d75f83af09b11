"""Scores on a CPU: those of the few tokens where one can matter."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from arrol_serve.engine.plugin.recording import Recorder
from arrol_serve.engine.plugin.scoring.fold import Ints
from arrol_serve.engine.plugin.scoring.host_fold import Kept
from arrol_serve.engine.plugin.scoring.selection import Selection
from arrol_serve.engine.plugin.wire import StepScores

UNKNOWN = (math.nan, math.nan, math.nan)


def host_scores(selection: Selection, hidden: Tensor, kept: Kept) -> StepScores:
    """Scores of the tokens that are wanted. ``hidden``: [rows of the step, D]."""
    who, place = np.nonzero(kept.wanted)
    scores = StepScores()
    if not len(who):
        return scores
    by_request: dict[int, list[tuple[float, ...]]] = {}
    values = _values(selection, hidden, kept, who, place).tolist()
    for i, j, triple in zip(who.tolist(), place.tolist(), values, strict=True):
        run = by_request.setdefault(i, [UNKNOWN] * int(kept.counts[i]))
        run[j] = tuple(triple)
    for i, run in by_request.items():
        scores.add(selection.req_ids[i], run, selection.versions[i])
    return scores


def _values(selection: Selection, hidden: Tensor, kept: Kept, who: Ints, place: Ints) -> Tensor:
    """[M, 3] after the tokens at ``place`` [M] of the requests ``who`` [M]."""
    values = torch.full((len(who), 3), math.nan)
    if kept.confidence is not None:
        values[:, 1] = torch.from_numpy(kept.confidence[who, place])
    for named, owners in selection.heads:
        if named.head is None:
            continue
        mine = slice(None) if owners is None else np.nonzero(np.isin(who, owners))[0]
        states = hidden[selection.places.rows_of(who[mine], place[mine])]
        raw = named.head.raw(states.float(), kept.features(who[mine], place[mine]))
        values[mine, 0], values[mine, 2] = named.head.calibrated(raw)
    return values


def host_record(recorder: Recorder, selection: Selection, hidden: Tensor, kept: Kept) -> None:
    """Keep the head inputs of the recorded requests at every token where they may be asked for."""
    among, place = np.nonzero(kept.wanted[selection.records])
    if not len(among):
        return
    who = selection.records[among]
    states = hidden[selection.places.rows_of(who, place)].float()
    joined = torch.cat([states, kept.features(who, place)], dim=1)
    recorder.add([selection.req_ids[i] for i in who], kept.lengths(who, place).tolist(), joined)
