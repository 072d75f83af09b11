"""The uniform vote as an expectation: over random ties, and over random subsets of the rollouts. Pure.

A vote that breaks its ties by anything the head says is not uniform, and the first k of N rollouts are one
draw of many. Both are averaged out exactly here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

MOST = 1000
"""Rollouts: beyond, the binomials leave the range of floats."""
Array = NDArray[np.float64]


def uniform_vote(answers: Sequence[str | None], right: Sequence[float]) -> float:
    """Chance that the most frequent answer is right, ties settled by lot.

    ``answers``: one string for equal answers, None for no vote. ``right``: 0 to 1 for each rollout; an
    answer is as right as its rollouts are on the mean. Without any answer: 0.
    """
    counts = _counts(answers)
    most = max(counts.values(), default=0)
    leaders = {answer for answer, count in counts.items() if count == most}
    shares = [r for a, r in zip(answers, right, strict=True) if a in leaders]
    return math.fsum(shares) / len(shares) if shares else 0.0


def uniform_votes(answers: Sequence[str | None], right: Sequence[float]) -> list[float]:
    """[N] the expectation of ``uniform_vote`` over all subsets of k rollouts, k = 1 to N.

    The first is pass@1, the last ``uniform_vote``. ``ValueError`` for more than ``MOST`` rollouts.
    """
    total = len(answers)
    if total > MOST:
        raise ValueError(f"at most {MOST} rollouts, got {total}")
    counts = _counts(answers)
    chance = np.zeros(total + 1)
    for answer in counts:
        marks = [r for a, r in zip(answers, right, strict=True) if a == answer]
        if any(marks):
            chance += math.fsum(marks) / len(marks) * _wins(answer, counts, total)
    return [float(c) for c in chance[1:]]


def _counts(answers: Sequence[str | None]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for answer in answers:
        if answer is not None:
            counts[answer] = counts.get(answer, 0) + 1
    return counts


def _wins(answer: str, counts: Mapping[str, int], total: int) -> Array:
    """[N + 1] chance that ``answer`` leads in a random subset of k of the N, k = 0 to N; ties by lot.

    By the number j of its rollouts in the subset: every other answer has fewer than j, or j and ties.
    The ways to draw k rollouts are the coefficients of x^k.
    """
    own = counts[answer]
    others = [count for name, count in counts.items() if name != answer]
    ways = np.zeros(total + 1)
    for j in range(1, own + 1):
        strong = [count for count in others if count >= j]
        free = (
            total - own - sum(strong)
        )  # of answers that cannot reach j, and of rollouts without one
        tied = _tied(strong, j)  # [t, k]
        share = (tied / (1 + np.arange(len(tied)))[:, None]).sum(axis=0)
        rest = np.convolve(share, _binomials(free))
        ways[j : j + len(rest)] += math.comb(own, j) * rest
    return ways / _binomials(total)


def _tied(strong: Sequence[int], j: int) -> Array:
    """[t, k] ways to draw k rollouts of the answers ``strong`` so that t have j and no one more."""
    table = np.ones((1, 1))
    for count in strong:
        fewer, equal = _binomials(count)[:j], math.comb(count, j)
        wider = np.zeros((table.shape[0] + 1, table.shape[1] + j))
        for t, row in enumerate(table):
            wider[t, : len(row) + j - 1] += np.convolve(row, fewer)
            wider[t + 1, j:] += equal * row
        table = wider
    return table


def _binomials(n: int) -> Array:
    """[n + 1] the coefficients of (1 + x)^n."""
    return np.array([math.comb(n, k) for k in range(n + 1)], dtype=np.float64)
