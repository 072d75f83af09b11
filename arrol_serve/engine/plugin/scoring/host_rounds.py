"""Sampled tokens on a CPU with their figures, a token of each request at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from arrol_serve.engine.plugin.scoring.fold import Ints
from arrol_serve.engine.plugin.scoring.host_distribution import Distribution
from arrol_serve.quality.row_statistics import Floats
from arrol_serve.quality.statistics import LOWEST

Tokens = NDArray[np.int32]
SMALLEST = np.float32(math.exp(LOWEST))


@dataclass(slots=True)
class Round:
    """One token of each of N requests."""

    slots: Ints
    """[N]"""
    pairs: Floats
    """[N, 2] log-probability and the step's entropy."""
    confidence: Floats | None
    """[N] of the token alone."""


def rounds(
    found: Distribution, rows: Ints, slots: Ints, tokens: Tokens, bounds: list[int]
) -> list[Round]:
    """Token i was sampled from row i of ``rows`` [M] for the request in ``slots`` [M]; ``bounds``: where each
    round begins, and M.
    """
    pairs = np.empty((len(tokens), 2), np.float32)
    pairs[:, 0] = np.log(np.maximum(found.probabilities[rows, tokens], SMALLEST))
    pairs[:, 1] = found.entropy[rows]
    signal = None if found.confidence is None else found.confidence[rows]
    return [
        Round(slots[a:b], pairs[a:b], None if signal is None else signal[a:b])
        for a, b in pairwise(bounds)
    ]
