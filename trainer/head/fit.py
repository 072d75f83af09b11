"""Fits a quality head on recorded features and reports what it is worth.

Binary cross-entropy on verified correctness, plus a ranking term between right and wrong rollouts
of one question at one position: pruning and voting compare siblings only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from arrol_serve.quality.calibration import (
    auc,
    expected_calibration_error,
    fit_platt,
    sigmoid,
    within_group_auc,
)
from arrol_serve.quality.head import QualityHead
from trainer.head.data import HeadData
from trainer.head.told.reliability import reliability


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to fit. The defaults are the bundled head's."""

    inputs: tuple[str, ...] = ("hidden", "statistics")
    width: int = 64
    epochs: int = 20
    lr: float = 3e-3
    weight_decay: float = 1e-2
    rank_weight: float = 0.5
    """Weight of the within-group ranking term; 0: cross-entropy alone."""
    dropout: float = 0.0
    groups_per_step: int = 16
    seed: int = 0


def split_groups(
    data: HeadData, shares: Sequence[float], seed: int, equals: Sequence[int]
) -> list[HeadData]:
    """Split by question, so that no question is on both sides.

    ``equals``: for each question number the first one with the same text, ``first_of_equals``.
    """
    text = np.asarray(equals)[data.group]
    texts = np.unique(text)
    np.random.default_rng(seed).shuffle(texts)
    edges = (np.cumsum(shares) * len(texts)).round().astype(int)
    return [data.where(np.isin(text, part)) for part in np.split(texts, edges[:-1])]


def fit_head(
    fit: HeadData, calibrate: HeadData, hidden_size: int, options: FitOptions
) -> QualityHead:
    """Train on ``fit``, keep the epoch with the best within-group AUC on ``calibrate``, calibrate there."""
    torch.manual_seed(options.seed)
    head = QualityHead(hidden_size, inputs=options.inputs, width=options.width)
    features = torch.from_numpy(fit.features)
    head.set_normalisation(features[:, :hidden_size], features[:, hidden_size:])
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=options.lr, weight_decay=options.weight_decay
    )
    batches = _batches(fit, options)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=options.lr, total_steps=options.epochs * len(batches)
    )
    best, kept = -1.0, head.state_dict()
    rng = np.random.default_rng(options.seed)
    for _ in range(options.epochs):
        head.train()
        for index in rng.permutation(len(batches)):
            rows = batches[index]
            loss = _loss(head, features[rows], fit, rows, hidden_size, options)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        score = _selection_score(head, calibrate, hidden_size)
        if score > best:
            best, kept = score, {k: v.clone() for k, v in head.state_dict().items()}
    head.load_state_dict(kept)
    _calibrate(head, calibrate, hidden_size)
    return head.eval()


def _calibrate(head: QualityHead, data: HeadData, hidden_size: int) -> None:
    """At probes and at last tokens apart, where there are right and wrong ones."""
    raw = raw_logits(head, data, hidden_size)
    pairs = [
        fit_platt(raw[mask], data.correct[mask])
        if 0 < data.correct[mask].sum() < mask.sum()
        else None
        for mask in (~data.final, data.final)
    ]
    early = pairs[0] or pairs[1] or fit_platt(raw, data.correct)
    head.set_calibration(*early, final=pairs[1] or early)


def _batches(data: HeadData, options: FitOptions) -> list[Tensor]:
    """Row numbers, whole questions together so that the ranking term sees siblings."""
    order = np.argsort(data.group, kind="stable")
    starts = np.flatnonzero(np.diff(data.group[order], prepend=-1))
    rows = np.split(order, starts[1:])
    random = np.random.default_rng(options.seed).permutation(len(rows))
    size = options.groups_per_step
    return [
        torch.from_numpy(np.concatenate([rows[i] for i in random[at : at + size]]))
        for at in range(0, len(rows), size)
    ]


def _loss(
    head: QualityHead,
    features: Tensor,
    data: HeadData,
    rows: Tensor,
    hidden: int,
    options: FitOptions,
) -> Tensor:
    correct = torch.from_numpy(data.correct[rows.numpy()]).float()
    logits = head.raw(F.dropout(features[:, :hidden], options.dropout), features[:, hidden:])
    loss = F.binary_cross_entropy_with_logits(logits, correct)
    if options.rank_weight == 0:
        return loss
    place = torch.from_numpy(_siblings(data, rows.numpy()))
    same = place[:, None] == place[None, :]
    pairs = same & (correct[:, None] > correct[None, :])
    if not pairs.any():
        return loss
    better, worse = pairs.nonzero(as_tuple=True)
    return loss + options.rank_weight * F.softplus(logits[worse] - logits[better]).mean()


def _siblings(data: HeadData, rows: NDArray[Any]) -> NDArray[np.int64]:
    """One number per (question, position): rows that share it may be ranked against each other."""
    position = np.where(data.final[rows], 0, data.tokens[rows]).astype(np.int64)
    return data.group[rows].astype(np.int64) * 100_000 + position


@torch.no_grad()
def raw_logits(head: QualityHead, data: HeadData, hidden_size: int) -> NDArray[np.float64]:
    """Uncalibrated logits of all rows, [M]."""
    features = torch.from_numpy(data.features)
    head.eval()
    return head.raw(features[:, :hidden_size], features[:, hidden_size:]).double().numpy()


def calibrated_logits(head: QualityHead, data: HeadData, hidden_size: int) -> NDArray[np.float64]:
    """As the engine reports them, [M]: of last tokens by their own calibration."""
    raw = torch.from_numpy(raw_logits(head, data, hidden_size))
    early, final = (logits.numpy() for logits in head.calibrated(raw))
    return np.where(data.final, final, early)


def _selection_score(head: QualityHead, data: HeadData, hidden_size: int) -> float:
    logits = raw_logits(head, data, hidden_size)
    return float(
        within_group_auc(logits, data.correct, _siblings(data, np.arange(len(logits)))).value
    )


def report(
    head: QualityHead, data: HeadData, hidden_size: int, positions: Sequence[int]
) -> dict[str, dict[str, float]]:
    """AUC (overall, within group), ECE and base rate at each position and at the final token."""
    logits = calibrated_logits(head, data, hidden_size)
    table = {}
    for name, mask in data.places(positions).items():
        scores, right = logits[mask], data.correct[mask]
        inside = within_group_auc(scores, right, data.group[mask])
        table[name] = {
            "rollouts": int(mask.sum()),
            "base_rate": float(right.mean()),
            "auc": float(auc(scores, right)),
            "auc_within_group": float(inside.value),
            "auc_within_group_low": float(inside.low),
            "auc_within_group_high": float(inside.high),
            "ece": float(expected_calibration_error(sigmoid(scores), right)),
        }
    return table


def quality_reliability(head: QualityHead, test: HeadData, hidden_size: int) -> dict[str, Any]:
    """Bins of probabilities (see ``reliability``) at ``probes``, of ``final`` tokens, and ``questions``."""
    said = sigmoid(calibrated_logits(head, test, hidden_size))
    bins = {
        name: reliability(said[mask], test.correct[mask], test.group[mask])
        for name, mask in {"probes": ~test.final, "final": test.final}.items()
    }
    return {**bins, "questions": len(np.unique(test.group))}
