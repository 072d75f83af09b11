"""Steps in a row with the same requests: their logits and tokens, until the figures are asked for."""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arrol_serve.engine.plugin.scoring.fold import (
    CONFIDENCE_TOP_K,
    FLOOR,
    LOWEST_TOP,
    Places,
)
from arrol_serve.quality.row_statistics import Floats
from arrol_serve.quality.statistics import LOWEST

Tokens = NDArray[np.int32]
SMALLEST = np.float32(math.exp(LOWEST))
STEPS, MEMORY = 8, 2**20
"""Steps whose logits are kept at most, and how many numbers that may be."""


@dataclass(slots=True)
class Figures:
    """Of the tokens of all steps, T of each request."""

    tokens: Tokens
    """[S, T], -1 where there is none."""
    pairs: Floats
    """[S, T, 2] log-probability and the step's entropy."""
    confidence: Floats | None
    """[S, T] of the token alone."""


@dataclass(slots=True)
class Distribution:
    """The model's own distribution, by row."""

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
    """Where runs keep what they read, one run at a time."""

    def __init__(self) -> None:
        self.logits, self._single, self._probabilities = Scratch(), Scratch(), Scratch()

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


class Run:
    """L rows of logits a step, [L, V]; with several tokens a step it has one step."""

    def __init__(
        self, work: Workplace, places: Places, stops: Set[int], steps: int, *, confidence: bool
    ) -> None:
        """``stops``: tokens at which a score may be asked for; ``steps``: until one is asked for anyway."""
        self._work, self.places, self._stops, self._steps = work, places, stops, steps
        self._confidence = confidence
        self.tokens: list[Tokens] = []
        """By step, [S, W]."""
        self._kept: Tensor | None = None
        """[steps, L, V]"""
        self._read: Distribution | None = None
        """Of the only step."""

    def read(self, logits: Tensor) -> None:
        """The logits of a step, which the sampler may write over."""
        if self._kept is None:
            steps = min(self._steps, STEPS, MEMORY // logits.numel())
            if steps < 2:
                self._read = self._work.distribution(logits, confidence=self._confidence)
                return
            self._kept = self._work.logits.shaped(steps, *logits.shape)
        self._kept[len(self.tokens)] = logits

    def goes_on(self, tokens: Tokens) -> bool:
        """Take the tokens [S, W] of the step that was read; whether its figures can wait."""
        self.tokens.append(tokens)
        if self._kept is None or tokens.shape[1] > 1 or len(self.tokens) == len(self._kept):
            return False
        return self._stops.isdisjoint(tokens[:, 0].tolist())

    def figures(self) -> Figures:
        found, steps = self._read, len(self.tokens)
        if found is None:
            assert self._kept is not None  # noqa: S101  # a step was read
            rows = self._kept[:steps].flatten(0, 1)
            found = self._work.distribution(rows, confidence=self._confidence)
        tokens = self.tokens[0] if steps == 1 else np.concatenate(self.tokens, axis=1)
        at = self.places.starts[:, None]
        if tokens.shape[1] > 1:
            stride = 1 if steps == 1 else len(found.entropy) // steps
            at = at + stride * np.arange(tokens.shape[1])
            at = np.minimum(at, len(found.entropy) - 1)
        pairs = np.empty((*tokens.shape, 2), np.float32)
        pairs[:, :, 0] = np.log(np.maximum(found.probabilities[at, tokens], SMALLEST))
        pairs[:, :, 1] = found.entropy[at]
        return Figures(tokens, pairs, None if found.confidence is None else found.confidence[at])
