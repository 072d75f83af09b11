"""Constants of ``arrol_serve.belief``, fitted: what an answer gains by the number of
its supporters, and by the score of the best.

A search looks at its leading answer again and again while rollouts come in, so the constants are fitted on
random subsets of each question's rollouts, of every size, by the likelihood of what is right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arrol_serve.belief import Belief, logit
from arrol_serve.quality.calibration import expected_calibration_error
from arrol_serve.voting import Ballot
from trainer.head.answers import ScoredGroup
from trainer.head.told.reliability import reliability
from trainer.seeds import seed_for

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Rollouts of a subset."""
DRAWS = 8
"""Subsets of each size of a question."""
ITERATIONS = 200
"""Iterations of the optimizer at most; three constants take some twenty."""
PULL = 1e-4
"""Towards 1, 1 and 0, nats: where questions are few and alike, a constant may be worth anything."""
FEWEST = 30
"""Questions; with fewer the defaults are kept."""
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """B moments of searches, the answers seen by then padded to A columns."""

    count: Array
    """[B, A] supporters; 0: no answer."""
    logit: Array
    """[B, A] of the best one."""
    right: Array
    """[B, A] whether the answer is right, 0 to 1."""
    question: NDArray[np.int64]
    """[B]"""
    size: NDArray[np.int64]
    """[B] rollouts in the subset."""


AnswerColumn = tuple[float, float, float]
"""One answer at one moment: supporters, the best one's logit, how right it is."""


def moments(groups: Sequence[ScoredGroup]) -> Moments:
    """Random subsets of each question's rollouts."""
    return tabulated([row for group in groups for row in _subsets(group)])


def tabulated(rows: Sequence[tuple[Sequence[AnswerColumn], int, int]]) -> Moments:
    """(answers, question, rollouts) of each moment; each has an answer."""
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


def _subsets(group: ScoredGroup) -> Iterator[tuple[list[AnswerColumn], int, int]]:
    """(answers, question, size), where there is an answer."""
    rng = np.random.default_rng(seed_for("belief", group.question))
    votes = zip(group.answers, group.probability, strict=True)
    ballots = [Ballot(i, answer, probability) for i, (answer, probability) in enumerate(votes)]
    count = len(ballots)
    for size in (s for s in SIZES if s <= count):
        for _ in range(DRAWS if size < count else 1):
            chosen = rng.permutation(count)[:size].tolist()
            if columns := answer_columns([ballots[i] for i in chosen], group.right):
                yield columns, group.question, size


def answer_columns(ballots: Iterable[Ballot], right: Sequence[bool]) -> list[AnswerColumn]:
    """A column for each answer that these ballots give; they have scores. ``right``: by rollout."""
    supporters: dict[str, list[Ballot]] = {}
    for ballot in ballots:
        if ballot.answer is not None:
            supporters.setdefault(ballot.answer, []).append(ballot)
    return [
        (
            float(len(members)),
            max(logit(b.quality) for b in members if b.quality is not None),
            sum(right[b.rollout] for b in members) / len(members),
        )
        for members in supporters.values()
    ]


def leaders(found: Moments, belief: Belief) -> tuple[Array, Array]:
    """[B] P(the leading answer is right), and whether it is; as ``Belief.chances`` has it."""
    count = np.maximum(found.count, 1)
    evidence = belief.agreement * np.log(count) + belief.score * found.logit
    evidence = np.where(found.count > 0, evidence, -np.inf)
    none = belief.doubt
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
    return fit_to(moments(groups)) if len(groups) >= FEWEST else Belief()


def fit_to(found: Moments) -> Belief:
    """As ``fit_belief``, to moments of searches: which answer is right at each, or none of those seen."""
    weight = 1 / np.bincount(found.question)[found.question]
    seen, truth = torch.from_numpy(found.count > 0), _truth(found)
    number, best = torch.from_numpy(np.maximum(found.count, 1)).log(), torch.from_numpy(found.logit)
    weights = torch.from_numpy(weight / weight.sum())
    start = Belief()
    # Number and scores of supporters speak for an answer, never against it: hence logarithms.
    free = torch.tensor(
        [math.log(start.agreement), math.log(start.score), start.doubt],
        dtype=torch.float64,
        requires_grad=True,
    )
    optimizer = torch.optim.LBFGS([free], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        evidence = free[0].exp() * number + free[1].exp() * best
        evidence = evidence.masked_fill(~seen, -1e9)
        doubt = free[2].expand(len(evidence), 1)
        chances = torch.cat([doubt, evidence], dim=1).log_softmax(1)
        total = -(weights[:, None] * truth * chances).sum() + PULL * free.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    agreement, score, doubt = free.detach().tolist()
    return Belief(round(math.exp(agreement), 3), round(math.exp(score), 3), round(doubt, 3))


def _truth(found: Moments) -> Tensor:
    """[B, 1 + A] what is right: none of these, or each answer; a row sums to 1."""
    right = torch.from_numpy(found.right * (found.count > 0))
    right = right / right.sum(1, keepdim=True).clamp(min=1)
    return torch.cat([1 - right.sum(1, keepdim=True), right], dim=1)


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
