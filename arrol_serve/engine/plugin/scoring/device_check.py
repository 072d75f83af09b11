"""Which fold a device gets: the kernels where they give the numbers of plain tensor operations.

Asked once at start, which also compiles them, so that no request waits for that.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from arrol_serve.engine.plugin.scoring.ends import NEVER, Ends
from arrol_serve.engine.plugin.scoring.fold import Fold, Folded, Places
from arrol_serve.engine.plugin.scoring.tensor_fold import TensorFold
from arrol_serve.quality.head import QualityHead

LOG = logging.getLogger("vllm.arrol_serve")
CLOSE = 1e-3
"""Largest difference of any figure; scores are compared with thresholds of far coarser grain."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """The model's shapes, so that the kernels are compiled for what they will be called with."""

    vocabulary: int = 2500
    hidden: int = 32
    width: int = 3
    """Tokens of a request in a step at most."""
    dtype: torch.dtype = torch.bfloat16


def fold_for(device: torch.device, slots: int, shapes: Shapes) -> Fold:
    """The fastest that works there."""
    try:
        from arrol_serve.engine.plugin.scoring.device_fold import DeviceFold

        furthest = difference(device, shapes)
    except Exception as error:  # noqa: BLE001  # a compiler may fail in any way, and we can do without
        LOG.warning("scoring goes without its kernels, which do not run on this device: %s", error)
        return TensorFold(slots, device)
    if not furthest < CLOSE:
        LOG.warning("scoring goes without its kernels, which are off by %g here", furthest)
        return TensorFold(slots, device)
    return DeviceFold(slots, device)


def difference(device: torch.device, shapes: Shapes) -> float:
    """The largest one between the kernels and tensor operations, over some made-up steps."""
    from arrol_serve.engine.plugin.scoring.device_fold import DeviceFold, score

    generator = np.random.default_rng(0)
    folds: list[Fold] = [DeviceFold(8, device), TensorFold(8, device)]
    head = random_head(device, shapes.hidden)
    for fold in folds:
        for slot in range(8):
            fold.begin(slot, 3, Ends((), NEVER, False, ()))
    furthest = 0.0
    for step in range(8):
        places, logits, states, sampled = made_up(generator, step, device, shapes)
        found = []
        for fold in folds:
            fold.begin(step, 2, Ends((), NEVER, False, ()))  # another one where somebody was
            fold.before(places, logits, confidence=step < 6)
            found.append(fold.after(places, sampled))
        ours, theirs = (_flat(folded) for folded in found)
        furthest = max(furthest, float((ours - theirs).abs().max()))
        values, expected = (
            score(head, places, states, found[0]),
            _plain(head, places, states, found[1]),
        )
        furthest = max(furthest, float((values - expected)[:, :, ::2].abs().max()))
    return furthest


def made_up(
    generator: np.random.Generator, step: int, device: torch.device, shapes: Shapes
) -> tuple[Places, Tensor, Tensor, Tensor]:
    """Places, logits [L, V], states [L, D] and sampled tokens [R, W] of a step."""
    width, requests, last = 1 + step % shapes.width, 5, shapes.vocabulary - 1
    dtype = shapes.dtype
    starts = np.arange(requests, dtype=np.int64) * width
    lines = np.arange(requests, dtype=np.int64)
    slots = generator.permutation(8)[:requests].astype(np.int64)
    logits = torch.from_numpy(generator.normal(0, 3, (requests * width, last + 1))).to(
        device, dtype
    )
    logits[:, -1] = -torch.inf
    sampled = generator.integers(0, last, (requests, width)).astype(np.int32)
    sampled[0, 1:] = -1
    states = torch.from_numpy(generator.normal(0, 2, (requests * width, shapes.hidden))).to(
        device, dtype
    )
    rows = None
    if step % 2:  # the first request is not ours
        rows = torch.arange(width, requests * width, device=device)
        starts, lines, slots = starts[:-1], lines[1:], slots[1:]
    places = Places(np.stack([slots, lines, starts]), rows)
    return places, logits, states, torch.from_numpy(sampled).to(device)


def random_head(device: torch.device, hidden: int) -> QualityHead:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = QualityHead(hidden)
    head.set_calibration(0.7, 0.2, final=(1.3, -0.4))
    return head.to(device).eval().requires_grad_(False)


def _plain(head: QualityHead, places: Places, states: Tensor, folded: Folded) -> Tensor:
    taken = places.take(states)
    width = folded.features.shape[1]
    starts = torch.from_numpy(places.starts).to(states.device)
    rows = starts[:, None] + torch.arange(width, device=states.device)
    at_probe, final = head.calibrated(head.raw(taken[rows].float(), folded.features))
    return torch.stack([at_probe, at_probe, final], dim=2)


def _flat(folded: Folded) -> Tensor:
    features = folded.features.flatten()
    if folded.confidence is None:
        return features
    return torch.cat([features, folded.confidence.flatten()])
