"""Scores on a device: every token's, since the host does not know yet which ones matter."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from arrol_serve.engine.plugin.recording import Recorder
from arrol_serve.engine.plugin.scoring.fold import Fold, Folded
from arrol_serve.engine.plugin.scoring.selection import Selection
from arrol_serve.engine.plugin.upload import upload
from arrol_serve.engine.plugin.wire import StepScores
from arrol_serve.quality.statistics import STATISTICS


def device_scores(
    selection: Selection, hidden: Tensor, fold: Fold, folded: Folded | None
) -> Tensor:
    """[S, W, 3]. ``hidden``: [rows of the step, D]; ``folded`` None: no statistics are wanted."""
    if folded is None:
        folded = _blank(selection, hidden)
    values: Tensor | None = None
    for named, owners in selection.heads:
        if named.head is None:
            continue
        # A head scores everybody: to pick out its own requests before would take more launches.
        found = fold.scores(named.head, selection.places, hidden, folded)
        if found is None:
            return _by_operations(selection, hidden, folded)
        if owners is None:
            return found
        values = _without_head(folded) if values is None else values
        mine = upload(owners, hidden.device)
        values[mine] = found[mine]
    return _without_head(folded) if values is None else values


def step_scores(selection: Selection, values: Tensor) -> StepScores:
    """``values``: of ``device_scores``. Confidence goes to those alone who asked for it."""
    told = values.cpu().numpy()
    if len(selection.silent):
        told[selection.silent, :, 1] = math.nan
    return StepScores(selection.req_ids, told.tolist(), selection.versions)


def _blank(selection: Selection, hidden: Tensor) -> Folded:
    shape = (len(selection.req_ids), selection.width, len(STATISTICS))
    return Folded(torch.zeros(shape, device=hidden.device))


def _without_head(folded: Folded) -> Tensor:
    """[S, W, 3] confidence alone."""
    features = folded.features
    values = torch.full((*features.shape[:2], 3), math.nan, device=features.device)
    if folded.confidence is not None:
        values[:, :, 1] = folded.confidence
    return values


def _by_operations(selection: Selection, hidden: Tensor, folded: Folded) -> Tensor:
    width = folded.features.shape[1]
    states = selection.places.take(hidden)
    starts = selection.places.stacked(hidden.device)[2]
    rows = starts[:, None] + torch.arange(width, device=hidden.device)
    taken = states[rows.clamp_(max=len(states) - 1)].float()
    values = _without_head(folded)
    for named, owners in selection.heads:
        if named.head is None:
            continue
        mine = slice(None) if owners is None else upload(owners, hidden.device)
        raw = named.head.raw(taken[mine], folded.features[mine])
        values[mine, :, 0], values[mine, :, 2] = named.head.calibrated(raw)
    return values


def device_record(recorder: Recorder, selection: Selection, hidden: Tensor, folded: Folded) -> None:
    """Keep the head inputs of the recorded requests, which get one token a step each."""
    statistics, states = folded.features[:, 0], hidden
    rows = selection.places.rows
    if len(selection.records) < len(selection.req_ids):
        at = upload(selection.records, hidden.device)
        statistics, rows = statistics[at], at if rows is None else rows[at]
    if rows is not None:
        states = hidden[rows]
    joined = torch.cat([states.float(), statistics], dim=1)
    names = [selection.req_ids[i] for i in selection.records]
    recorder.add(names, recorder.next_tokens(names), joined)
