"""From many measured plans to three presets, by what people compare with: the uniform vote. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.tuning.engine_time import EngineTime
from trainer.evaluation.tuning.recorded import Recorded
from trainer.evaluation.tuning.sweep import Measured, front

Array = NDArray[np.float64]
USUAL = 16
"""Samples of the vote that people use."""
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True)
class Uniform:
    """The uniform vote of k plain samples on Q questions."""

    samples: int
    right: Array
    """[Q] how right it is on the mean over subsets and ties."""
    tokens: Array
    """[Q]"""
    clock: Array
    """[Q] decode steps of k candidates at once, k being the first ones."""

    @property
    def started(self) -> Array:
        """[Q]"""
        return np.full(len(self.tokens), float(self.samples))


def uniform_votes_of(questions: Sequence[Recorded]) -> dict[int, Uniform]:
    """By k: powers of two, the usual number, and all."""
    most = len(questions[0].tokens)
    counts = sorted({k for k in (*COUNTS, USUAL, most) if k <= most})
    return {
        k: Uniform(
            k,
            np.array([q.uniform[k - 1] for q in questions]),
            np.array([k * q.mean_tokens for q in questions]),
            np.array([float(max(q.tokens[:k])) for q in questions]),
        )
        for k in counts
    }


def choose(
    plans: Sequence[Measured], uniform: Mapping[int, Uniform], engine: EngineTime
) -> dict[str, Measured]:
    """The presets, by name.

    fast: the one that takes least of a busy engine's time, is as right as the usual vote, and alone as
    quick; where none is, the most accurate that is as quick and costs half. balanced: the one with the fewest
    tokens that is as right as the vote of all samples, to a standard error. best: of those for no more tokens
    than the usual vote the cheapest that is as right as the most accurate, to a standard error. The errors
    are there because the best of thousands looks better than it is; for the same reason fast is ahead of its
    vote by one.
    """
    usual, most = uniform[min(USUAL, max(uniform))], uniform[max(uniform)]
    cost = float(usual.tokens.mean())
    quick = [p for p in plans if engine.alone(p) <= engine.alone(usual)]
    affordable = [p for p in plans if p.cost <= cost] or list(plans)
    top = _most_accurate(affordable)
    best = _cheapest(affordable, lambda p: _ahead(p.right - top.right) >= -1) or top
    right = [p for p in quick if _ahead(p.right - usual.right) >= 1]
    fast = min(right, key=engine.busy, default=None) or _most_accurate(
        [p for p in quick if p.cost <= cost / 2] or affordable
    )
    balanced = _cheapest(affordable, lambda p: _ahead(p.right - most.right) >= -1) or best
    return {"fast": fast, "balanced": balanced, "best": best}


def shown_front(
    plans: Sequence[Measured], uniform: Mapping[int, Uniform], most: int
) -> list[Measured]:
    """At most ``most`` plans of the front, evenly spread; none that is worse than a vote of 4."""
    floor = float(uniform[min(4, max(uniform))].right.mean())
    found = [p for p in front(plans) if p.accuracy >= floor]
    if len(found) <= most:
        return found
    places = np.linspace(0, len(found) - 1, most).round().astype(int)
    return [found[i] for i in dict.fromkeys(places.tolist())]


def _ahead(difference: Array) -> float:
    """By how many of its standard errors the mean of a paired difference is above 0."""
    error = float(difference.std()) / math.sqrt(len(difference))
    mean = float(difference.mean())
    return mean / error if error else math.copysign(math.inf, mean) if mean else 0.0


def _cheapest(plans: Sequence[Measured], good: Callable[[Measured], bool]) -> Measured | None:
    return min((p for p in plans if good(p)), key=lambda p: p.cost, default=None)


def _most_accurate(plans: Sequence[Measured]) -> Measured:
    return max(plans, key=lambda p: (p.accuracy, -p.cost))
