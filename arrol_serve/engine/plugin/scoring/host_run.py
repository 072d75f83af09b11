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
class _Distribution:
    """The model's own distribution, by row."""

    probabilities: Floats
    """[L, V]"""
    entropy: Floats
    confidence: Floats | None


class Run:
    """L rows of logits a step, [L, V]; with several tokens a step it has one step."""

    def __init__(
        self, places: Places, stops: Set[int], room: Tensor | None, *, confidence: bool
    ) -> None:
        """``stops``: tokens at which a score may be asked for; ``room`` [steps, L, V]: for logits of
        as many steps as there may be, None: of one.
        """
        self.places, self._stops, self._confidence = places, stops, confidence
        self.tokens: list[Tokens] = []
        """By step, [S, W]."""
        self._room = room
        self._read: _Distribution | None = None

    def read(self, logits: Tensor) -> None:
        """The logits of a step, which the sampler may write over."""
        if self._room is None:
            self._read = distribution(logits, confidence=self._confidence)
        else:
            self._room[len(self.tokens)] = logits

    def goes_on(self, tokens: Tokens) -> bool:
        """Take the tokens [S, W] of the step that was read; whether its figures can wait."""
        self.tokens.append(tokens)
        if self._room is None or tokens.shape[1] > 1 or len(self.tokens) == len(self._room):
            return False
        return self._stops.isdisjoint(tokens[:, 0].tolist())

    def figures(self) -> Figures:
        found, steps = self._read, len(self.tokens)
        if found is None:
            assert self._room is not None  # noqa: S101  # a step was read
            found = distribution(self._room[:steps].flatten(0, 1), confidence=self._confidence)
        tokens = self.tokens[0] if steps == 1 else np.concatenate(self.tokens, axis=1)
        rows = self.places.starts[:, None]
        if tokens.shape[1] > 1:
            stride = 1 if steps == 1 else len(found.entropy) // steps
            rows = rows + stride * np.arange(tokens.shape[1])
            rows = np.minimum(rows, len(found.entropy) - 1)
        pairs = np.empty((*tokens.shape, 2), np.float32)
        pairs[:, :, 0] = np.log(np.maximum(found.probabilities[rows, tokens], SMALLEST))
        pairs[:, :, 1] = found.entropy[rows]
        return Figures(tokens, pairs, None if found.confidence is None else found.confidence[rows])


def distribution(logits: Tensor, *, confidence: bool) -> _Distribution:
    """With one exponential a number: that is what large vocabularies cost."""
    logits = logits.float()
    probabilities = logits.softmax(1)
    largest = logits.amax(1)
    normaliser = largest - probabilities.amax(1).log_()
    mean = torch.linalg.vecdot(probabilities, logits)
    if mean.isnan().any():  # masked tokens: 0 * -inf is not 0
        mean = torch.linalg.vecdot(probabilities, logits.clamp(min=FLOOR))
    signal = None
    if confidence:
        top = logits.topk(min(CONFIDENCE_TOP_K, logits.shape[1]), dim=1).values
        top.sub_(normaliser[:, None]).clamp_(min=LOWEST_TOP)
        signal = top.mean(1).neg_().numpy()
    return _Distribution(probabilities.numpy(), (normaliser - mean).numpy(), signal)
