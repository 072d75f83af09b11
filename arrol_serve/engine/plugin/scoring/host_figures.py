"""Figures of sampled tokens on a CPU: log-probability, the step's entropy, confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arrol_serve.engine.plugin.scoring.fold import Ints
from arrol_serve.engine.plugin.scoring.host_distribution import Distribution
from arrol_serve.quality.row_statistics import Floats
from arrol_serve.quality.statistics import LOWEST

Tokens = NDArray[np.int32]
SMALLEST = np.float32(math.exp(LOWEST))


@dataclass(slots=True)
class Figures:
    """Of T tokens of each of S requests, in order."""

    slots: Ints
    """[S]"""
    new: NDArray[np.bool_]
    """[S, T] whether there is one."""
    pairs: Floats
    """[S, T, 2] log-probability and the step's entropy."""
    confidence: Floats | None
    """[S, T] of the token alone."""


def figures(slots: Ints, tokens: Tokens, rows: Ints, found: Distribution) -> Figures:
    """``tokens`` [S, T], -1 where there is none, each sampled from a row of the distribution, [S, T]."""
    pairs = np.empty((*tokens.shape, 2), np.float32)
    new = tokens >= 0
    chosen = found.probabilities[rows, np.where(new, tokens, 0)]
    pairs[:, :, 0] = np.log(np.maximum(chosen, SMALLEST))
    pairs[:, :, 1] = found.entropy[rows]
    return Figures(slots, new, pairs, None if found.confidence is None else found.confidence[rows])


def in_a_row(parts: list[Figures]) -> Figures:
    """Of the same requests, one part after the other."""
    confidence = [part.confidence for part in parts if part.confidence is not None]
    return Figures(
        parts[0].slots,
        np.concatenate([part.new for part in parts], axis=1),
        np.concatenate([part.pairs for part in parts], axis=1),
        np.concatenate(confidence, axis=1) if confidence else None,
    )
