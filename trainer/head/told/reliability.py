"""Reliability of predicted probabilities: what was said beside what was, with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def reliability(
    probabilities: ArrayLike,
    right: ArrayLike,
    groups: NDArray[Any],
    *,
    bins: int = 10,
    draws: int = 2000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Bins of equal width that are not empty: ``said`` and ``was`` (means), ``count``, ``interval``.

    ``interval`` is the 95 % bootstrap one of ``was``, over groups: rollouts of one question are mostly
    right or wrong together, so that fifty of them may say no more than four questions.
    """
    p, y = np.asarray(probabilities, np.float64), np.asarray(right, np.float64)
    if not len(p):
        return []
    _, question = np.unique(groups, return_inverse=True)
    size = int(question.max()) + 1
    cell = question * bins + np.minimum((p * bins).astype(int), bins - 1)
    tables = [
        np.bincount(cell, weights=weight, minlength=size * bins).reshape(size, bins)
        for weight in (np.ones_like(y), y, p)
    ]
    drawn = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), size=draws)
    counts, rights = drawn @ tables[0], drawn @ tables[1]
    shares = np.divide(rights, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    rows = []
    for b, (count, good, said) in enumerate(zip(*(t.sum(axis=0) for t in tables), strict=True)):
        if count:
            low, high = np.nanpercentile(shares[:, b], [2.5, 97.5])
            rows.append(
                {
                    "said": float(said / count),
                    "was": float(good / count),
                    "count": int(count),
                    "interval": [float(low), float(high)],
                }
            )
    return rows


KEY = "Area: how many; bars: 95 % intervals over questions"
"""What a reader of ``draw_reliability`` must be told."""


def off(bins: list[dict[str, Any]]) -> float:
    """Mean distance of what was said from what was."""
    total = sum(row["count"] for row in bins)
    return (
        sum(row["count"] * abs(row["said"] - row["was"]) for row in bins) / total if total else 0.0
    )


def draw_reliability(axes: Any, bins: list[dict[str, Any]], color: str) -> None:
    """Bins with their intervals."""
    most = max((row["count"] for row in bins), default=1)
    x, y = [row["said"] for row in bins], [row["was"] for row in bins]
    error = [
        [max(0.0, row["was"] - row["interval"][0]) for row in bins],
        [max(0.0, row["interval"][1] - row["was"]) for row in bins],
    ]
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, zorder=0)
    axes.errorbar(x, y, yerr=error, fmt="none", color=color, alpha=0.6, capsize=2, linewidth=1)
    sizes = [15 + 105 * row["count"] / most for row in bins]
    axes.scatter(x, y, s=sizes, color=color, zorder=3)
    small = {"fontsize": 8.5, "color": "0.4"}
    axes.text(0.03, 0.97, "above the line: too modest", va="top", **small)
    axes.text(0.99, 0.02, "below: too sure", ha="right", **small)
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("probability of being right, as predicted")
    axes.set_ylabel("share that was right")
