"""Constants of ``arrol_serve.belief``, fitted: how many wrong answers compete, how far siblings depend.

A search looks at its leading answer again and again while rollouts come in, so the constants are fitted on
random subsets of each question's rollouts, of every size, by the likelihood of "the leader is right".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arrol_serve.belief import SUREST, Belief
from arrol_serve.quality.calibration import expected_calibration_error
from trainer.head.answers import ScoredGroup
from trainer.head.reliability import reliability
from trainer.seeds import seed_for

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Rollouts of a subset."""
DRAWS = 8
"""Subsets of each size of a question."""
RIVALS, TEMPERATURES = (0.3, 32.0), (0.5, 6.0)
"""Between which the constants are looked for."""
STEPS, ZOOMS = 7, 4
"""Values of each that are tried at a time; how often the range is narrowed around the best."""
FEWEST = 30
"""Questions; with fewer the defaults are kept."""
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """B moments of searches, the answers seen by then padded to A columns."""

    count: Array
    """[B, A] supporters; 0: no answer."""
    logit: Array
    """[B, A] sum of their logits."""
    right: Array
    """[B, A] whether the answer is right, 0 to 1."""
    question: NDArray[np.int64]
    """[B]"""
    size: NDArray[np.int64]
    """[B] rollouts in the subset."""


def moments(groups: Sequence[ScoredGroup]) -> Moments:
    """Random subsets of each question's rollouts."""
    rows = [row for group in groups for row in _subsets(group)]
    width = max(len(row[0]) for row in rows)
    table = np.zeros((3, len(rows), width))
    for place, (columns, _, _) in enumerate(rows):
        table[:, place, : len(columns)] = np.array(columns).reshape(-1, 3).T
    return Moments(
        table[0],
        table[1],
        table[2],
        np.array([question for _, question, _ in rows]),
        np.array([size for _, _, size in rows]),
    )


def _subsets(group: ScoredGroup) -> Iterator[tuple[list[tuple[float, float, float]], int, int]]:
    """(supporters, their logits, how right) of each answer, the question, the size; with an answer."""
    rng = np.random.default_rng(seed_for("belief", group.question))
    count = len(group.answers)
    for size in (s for s in SIZES if s <= count):
        for _ in range(DRAWS if size < count else 1):
            chosen = rng.permutation(count)[:size]
            by_answer: dict[str, list[int]] = {}
            for i in chosen.tolist():
                answer = group.answers[i]
                if answer is not None:
                    by_answer.setdefault(answer, []).append(i)
            if by_answer:
                yield (
                    [_column(group, members) for members in by_answer.values()],
                    group.question,
                    size,
                )


def _column(group: ScoredGroup, members: Sequence[int]) -> tuple[float, float, float]:
    logits = [_logit(group.probability[i]) for i in members]
    right = sum(group.right[i] for i in members) / len(members)
    return float(len(members)), math.fsum(logits), right


def _logit(probability: float) -> float:
    p = min(SUREST, max(1 - SUREST, probability))
    return math.log(p / (1 - p))


def leaders(found: Moments, belief: Belief) -> tuple[Array, Array]:
    """[B] P(the leading answer is right), and whether it is; as ``Belief.chances`` has it."""
    evidence = (found.count * math.log(belief.rivals) + found.logit) / belief.temperature
    evidence = np.where(found.count > 0, evidence, -np.inf)
    none = belief.none_of_these
    top = np.maximum(none, evidence.max(axis=1, keepdims=True))
    shares = np.exp(evidence - top)
    leader = shares.argmax(axis=1)
    rows = np.arange(len(leader))
    chance = shares[rows, leader] / (np.exp(none - top[:, 0]) + shares.sum(axis=1))
    return chance, found.right[rows, leader]


def fit_belief(groups: Sequence[ScoredGroup]) -> Belief:
    """The constants with the best mean log-likelihood, questions weighing the same; the defaults
    where there are fewer than ``FEWEST`` questions.
    """
    if len(groups) < FEWEST:
        return Belief()
    found = moments(groups)
    weight = 1 / np.bincount(found.question)[found.question]
    rivals, temperatures = RIVALS, TEMPERATURES
    best = Belief()
    for _ in range(ZOOMS):
        grid = [Belief(float(r), float(t)) for r in _axis(rivals) for t in _axis(temperatures)]
        best = min(grid, key=lambda belief: _loss(found, weight, belief))
        rivals = _around(best.rivals, rivals, RIVALS)
        temperatures = _around(best.temperature, temperatures, TEMPERATURES)
    return Belief(round(best.rivals, 3), round(best.temperature, 3))


def _axis(between: tuple[float, float]) -> Array:
    return np.geomspace(*between, STEPS)


def _around(
    best: float, between: tuple[float, float], limits: tuple[float, float]
) -> tuple[float, float]:
    """A step of the axis to both sides."""
    step = (between[1] / between[0]) ** (1 / (STEPS - 1))
    return max(limits[0], best / step), min(limits[1], best * step)


def _loss(found: Moments, weight: Array, belief: Belief) -> float:
    chance, right = leaders(found, belief)
    p = np.clip(chance, 1e-9, 1 - 1e-9)
    losses = -(right * np.log(p) + (1 - right) * np.log1p(-p))
    return float((losses * weight).sum() / weight.sum())


def answer_reliability(groups: Sequence[ScoredGroup], belief: Belief) -> dict[str, Any]:
    """How far P(the answer is right) can be believed on questions that nothing was fitted on.

    ``by_size``: for each number of rollouts, questions, mean P, share right, ECE; ``bins``: of all
    moments, with intervals over questions.
    """
    found = moments(groups)
    chance, right = leaders(found, belief)
    by_size = {}
    for size in np.unique(found.size).tolist():
        mask = found.size == size
        by_size[str(size)] = {
            "questions": len(np.unique(found.question[mask])),
            "said": float(chance[mask].mean()),
            "right": float(right[mask].mean()),
            "ece": float(expected_calibration_error(chance[mask], right[mask])),
        }
    return {"by_size": by_size, "bins": reliability(chance, right, found.question)}
