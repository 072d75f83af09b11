"""The model's own distribution on a CPU, row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from arrol_serve.engine.plugin.scoring.fold import CONFIDENCE_TOP_K, FLOOR, LOWEST_TOP
from arrol_serve.quality.row_statistics import Floats


@dataclass(slots=True)
class Distribution:
    """By row, until the next one is read."""

    probabilities: Floats
    """[L, V]"""
    entropy: Floats
    confidence: Floats | None


class Scratch:
    """Memory that stays: in what is allocated anew page faults cost more than the arithmetic."""

    def __init__(self) -> None:
        self._numbers = torch.empty(0)

    def shaped(self, *shape: int) -> Tensor:
        """float32, with whatever is in it."""
        size = math.prod(shape)
        if size > len(self._numbers):
            with torch.inference_mode(mode=False):  # it is written to in that mode and out of it
                self._numbers = torch.empty(size)
        return self._numbers[:size].view(shape)


class Workplace:
    """Where one distribution at a time is kept."""

    def __init__(self) -> None:
        self._single, self._probabilities = Scratch(), Scratch()

    def distribution(self, logits: Tensor, *, confidence: bool) -> Distribution:
        """Of rows [L, V]. One exponential a number: that is what large vocabularies cost."""
        if logits.dtype != torch.float32:
            logits = self._single.shaped(*logits.shape).copy_(logits)
        probabilities = torch.softmax(logits, 1, out=self._probabilities.shaped(*logits.shape))
        normaliser = logits.amax(1) - probabilities.amax(1).log_()
        mean = torch.linalg.vecdot(probabilities, logits)
        if mean.isnan().any():  # masked tokens: 0 * -inf is not 0
            mean = torch.linalg.vecdot(probabilities, logits.clamp(min=FLOOR))
        signal = None
        if confidence:
            top = logits.topk(min(CONFIDENCE_TOP_K, logits.shape[1]), dim=1).values
            top.sub_(normaliser[:, None]).clamp_(min=LOWEST_TOP)
            signal = top.mean(1).neg_().numpy()
        return Distribution(probabilities.numpy(), (normaliser - mean).numpy(), signal)
