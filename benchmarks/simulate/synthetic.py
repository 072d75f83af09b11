"""Synthetic rollout groups, judged by the server's own survival and vote code. Seeded.

A question's chance p to be answered right is Beta-distributed. Wrong answers repeat as customers
share tables in a Chinese restaurant: two of them are the same with chance ``collision``. Scores are
binormal, N(d, 1) for a right rollout and N(0, 1) for a wrong one, with d = sqrt(2) Phi^-1(AUC). The
head knows the base accuracy and no more about the question, so every AUC here is one within groups; its
logit is the posterior log-odds, so it is calibrated over all questions. The score at the end holds all
that the score at the probe knows: the probe's noise is the end's with more noise added.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from arrol_serve.pruning.group import Group
from arrol_serve.pruning.threshold import sigmoid
from arrol_serve.voting import Ballot, VoteRule, tally
from trainer.evaluation.reporting.uniform_vote import uniform_vote

RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Population:
    """Which questions and answers are drawn."""

    base: float
    """Mean chance that a rollout is right, in (0, 1)."""
    concentration: float
    """a + b of the Beta distribution of that chance over questions."""
    collision: float
    """Chance that two wrong answers to one question are the same, in (0, 1)."""
    silent: float = 0.0
    """Share of the wrong rollouts that hold no answer."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Q groups of N rollouts before anybody scores them."""

    population: Population
    answers: list[list[str | None]]
    """[Q][N]; ``RIGHT``, the name of a wrong answer, or None."""
    right: np.ndarray[Any, Any]
    """[Q, N] bool."""
    noise: np.ndarray[Any, Any]
    """[2, Q, N] standard normal: one draw for every AUC, so that curves over it are smooth."""

    def logits(self, probe: float, end: float) -> tuple[list[list[float]], list[list[float]]]:
        """Two times [Q][N]: calibrated scores at the probe and at the end, of these AUCs.

        ``ValueError`` if the end knows less than the probe.
        """
        d_probe, d_end = separation(probe), separation(end)
        if d_end < d_probe:
            raise ValueError(f"the AUC at the end ({end}) is below that at the probe ({probe})")
        share = d_probe / d_end
        blurred = share * self.noise[0] + math.sqrt(1 - share**2) * self.noise[1]
        return self._logits(d_probe, blurred), self._logits(d_end, self.noise[0])

    def _logits(self, d: float, noise: np.ndarray[Any, Any]) -> list[list[float]]:
        base = self.population.base
        scores = noise + d * self.right
        logits: list[list[float]] = (math.log(base / (1 - base)) + d * scores - d * d / 2).tolist()
        return logits


def separation(auc: float) -> float:
    """Distance of the two score means in standard deviations. ``ValueError`` unless 0.5 < auc < 1."""
    if not 0.5 < auc < 1:
        raise ValueError(f"the AUC must lie between 0.5 and 1, got {auc!r}")
    return math.sqrt(2) * NormalDist().inv_cdf(auc)


def area(d: float) -> float:
    """The AUC of a separation: the inverse of ``separation``."""
    return NormalDist().cdf(d / math.sqrt(2))


def draw(seed: int, questions: int, samples: int, population: Population) -> Groups:
    """``questions`` groups of ``samples``; the first n rollouts are the same for every larger N."""
    rng = np.random.default_rng(seed)
    base, total = population.base, population.concentration
    p = rng.beta(base * total, (1 - base) * total, size=questions)
    by_rollout = rng.random((samples, 3, questions))
    right = (by_rollout[:, 0] < p).T
    silent = (by_rollout[:, 1] < population.silent).T
    labels = _tables(rng, by_rollout[:, 2], population.collision).T
    noise = np.moveaxis(rng.standard_normal((samples, 2, questions)), (1, 2), (0, 1))
    answers = [
        [RIGHT if r else None if s else f"wrong {k}" for r, s, k in zip(*row, strict=True)]
        for row in zip(right, silent, labels, strict=True)
    ]
    return Groups(population, answers, right, noise)


def _tables(
    rng: np.random.Generator, coins: np.ndarray[Any, Any], collision: float
) -> np.ndarray[Any, Any]:
    """[N, Q] labels; rollout j opens a new one with chance t / (t + j), t = 1 / collision - 1."""
    samples, questions = coins.shape
    t = 1 / collision - 1
    labels = np.zeros((samples, questions), dtype=int)
    for j in range(1, samples):
        shared = labels[rng.integers(0, j, questions), np.arange(questions)]
        labels[j] = np.where(coins[j] < t / (t + j), j, shared)
    return labels


def survivors(scores: Sequence[float], policy: Mapping[str, Any] | None, seed: int) -> list[int]:
    """Who is left after one probe, as the scheduler's group state machine decides."""
    if policy is None:
        return list(range(len(scores)))
    group = Group(
        {
            "size": len(scores),
            "probes": [1],
            "policy": policy,
            "seed": seed,
            "min_survivors": 1,
            "max_total_tokens": None,
            "started": 0,
            "earlier": None,
        }
    )
    for index in range(len(scores)):
        group.join(index)
        group.begin(index)
    decisions = [d for i, score in enumerate(scores) for d in group.observe(i, 1, score)]
    return sorted(d.index for d in decisions if d.verdict.survives)


def solved(
    answers: Sequence[str | None], scores: Sequence[float], left: Sequence[int], rule: VoteRule
) -> float:
    """Whether the vote over the rollouts ``left`` returns the right answer, 0 or 1.

    A uniform vote does not see the scores, not even to settle a tie: there it is the chance of a lot.
    """
    if rule == "uniform":
        return uniform_vote([answers[i] for i in left], [float(answers[i] == RIGHT) for i in left])
    winner = tally([Ballot(i, answers[i], sigmoid(scores[i])) for i in left], rule).winner
    return float(winner is not None and answers[winner] == RIGHT)
