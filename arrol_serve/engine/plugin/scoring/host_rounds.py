"""Sampled tokens on a CPU with their figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
class Round:
    """T tokens in a row of each of N requests."""

    slots: Ints
    """[N]"""
    pairs: Floats
    """[T, N, 2] log-probability and the step's entropy."""
    confidence: Floats | None
    """[T, N] of the token alone."""


def rounds(
    found: Distribution, rows: Ints, tokens: Tokens, made_of: Sequence[tuple[Ints, int]]
) -> list[Round]:
    """Token i was sampled from row i of ``rows`` [M]; ``made_of``: slots and T of each round, in order."""
    pairs = np.empty((len(tokens), 2), np.float32)
    pairs[:, 0] = np.log(np.maximum(found.probabilities[rows, tokens], SMALLEST))
    pairs[:, 1] = found.entropy[rows]
    signal = None if found.confidence is None else found.confidence[rows]
    made, first = [], 0
    for slots, count in made_of:
        here = slice(first, first := first + count * len(slots))
        alone = None if signal is None else signal[here].reshape(count, len(slots))
        made.append(Round(slots, pairs[here].reshape(count, len(slots), 2), alone))
    return made
