"""Platt's numbers for a head that learns as training goes on."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor

from arrol_serve.quality.calibration import fit_platt
from arrol_serve.quality.head import QualityHead
from trainer.pruning.online_head import FINAL, OnlineHead


def calibrate(head: QualityHead, unseen: Tensor) -> None:
    """On scores that are raw logits still, of probes and of last tokens apart.

    ``unseen``: as in ``OnlineHead``. Without right and wrong ones nothing changes.
    """
    pairs = {}
    for final in (False, True):
        score, label, _, _, weight = unseen[(unseen[:, 2] == FINAL) == final].numpy().T
        if len(label) and label.min() != label.max():
            pairs[final] = fit_platt(score, label, weight)
    if pairs:
        early = pairs.get(False) or pairs[True]
        head.set_calibration(*early, final=pairs.get(True))


class LastToken:
    """The head's logits at last tokens, as the export of this moment would have them."""

    def __init__(self, online: OnlineHead) -> None:
        self._head = deepcopy(online.head).eval()
        calibrate(self._head, online.unseen)

    def __call__(self, logit: float) -> float:
        return float(self._head.calibrated(torch.tensor(logit, dtype=torch.float64))[1])
