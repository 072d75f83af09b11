"""How good scores are, and how to turn them into probabilities. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GroupedAuc:
    """AUC between siblings, averaged over groups by their number of (right, wrong) pairs."""

    value: float
    """0.5 when no group is mixed."""
    mixed_groups: int
    low: float
    """95 % bootstrap interval over groups."""
    high: float


def fit_platt(
    logits: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    iterations: int = 100,
) -> tuple[float, float]:
    """(scale, shift) that maximise the likelihood of sigmoid(scale * logit + shift).

    Platt (1999) with the smoothed targets and Newton steps of Lin, Lin and Weng (2007). Only how
    ``weights`` compare with each other matters.
    """
    x, y = np.asarray(logits, np.float64), np.asarray(labels, np.float64)
    w = _weights(weights, len(y))
    w = w * len(w) / w.sum()
    positives, negatives = (w * y).sum(), (w * (1 - y)).sum()
    target = np.where(y > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.stack([x, np.ones_like(x)], 1)
    theta = np.array([1.0, 0.0])
    for _ in range(iterations):
        p = sigmoid(design @ theta)
        gradient = design.T @ (w * (p - target))
        hessian = (design * (w * p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-6 and _cross_entropy(design @ (theta - size * step), target, w) > (
            _cross_entropy(design @ theta, target, w)
        ):
            size /= 2
        theta -= size * step
        if np.abs(size * step).max() < 1e-8:
            break
    return float(theta[0]), float(theta[1])


def sigmoid(x: ArrayLike) -> Floats:
    """Probabilities of logits."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -500, 500))))


def _cross_entropy(logits: Floats, target: Floats, weights: Floats) -> float:
    return float((weights * (np.logaddexp(0, logits) - target * logits)).sum())


def _weights(weights: ArrayLike | None, count: int) -> Floats:
    return np.ones(count) if weights is None else np.asarray(weights, np.float64)


def expected_calibration_error(
    probabilities: ArrayLike,
    labels: ArrayLike,
    bins: int = 15,
    *,
    weights: ArrayLike | None = None,
) -> float:
    """Mean |accuracy - confidence| over equal-width bins, weighted by count (arXiv 1706.04599)."""
    p, y = np.asarray(probabilities, np.float64), np.asarray(labels, np.float64)
    w, place = _weights(weights, len(p)), np.minimum((p * bins).astype(int), bins - 1)
    gap = np.abs(np.bincount(place, weights=w * (p - y), minlength=bins))
    return float(gap.sum() / w.sum()) if len(w) else 0.0


def auc(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Probability that a right one scores above a wrong one, ties one half; NaN without both.

    A pair counts by the product of its ``weights``.
    """
    s, y = np.asarray(scores, np.float64), np.asarray(labels, bool)
    wins, pairs = _pair_wins(s, y, _weights(weights, len(s)))
    return wins / pairs if pairs else float("nan")


def _pair_wins(scores: Floats, labels: NDArray[np.bool_], weights: Floats) -> tuple[float, float]:
    """Weighted Mann-Whitney U of the right ones, and the weight of all pairs."""
    right, wrong = np.where(labels, weights, 0.0), np.where(labels, 0.0, weights)
    if not labels.any() or labels.all():
        return 0.0, 0.0
    _, place = np.unique(scores, return_inverse=True)
    level = np.bincount(place, weights=wrong)
    below = np.cumsum(level) - level / 2
    return float((right * below[place]).sum()), float(right.sum() * wrong.sum())


def within_group_auc(
    scores: ArrayLike,
    labels: ArrayLike,
    groups: NDArray[Any],
    *,
    weights: ArrayLike | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> GroupedAuc:
    """AUC between members of the same group: what pruning and voting live on."""
    s, y = np.asarray(scores, np.float64), np.asarray(labels, bool)
    w = _weights(weights, len(s))
    order = np.argsort(groups, kind="stable")
    edges = np.flatnonzero(np.diff(np.asarray(groups)[order])) + 1
    table = np.array([_pair_wins(s[rows], y[rows], w[rows]) for rows in np.split(order, edges)])
    mixed = table[table[:, 1] > 0]
    if not len(mixed):
        return GroupedAuc(0.5, 0, 0.0, 1.0)
    picks = np.random.default_rng(seed).integers(0, len(mixed), (draws, len(mixed)))
    sampled = mixed[picks].sum(1)
    low, high = np.percentile(sampled[:, 0] / sampled[:, 1], [2.5, 97.5])
    value = mixed[:, 0].sum() / mixed[:, 1].sum()
    return GroupedAuc(float(value), len(mixed), float(low), float(high))
