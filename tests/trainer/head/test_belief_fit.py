"""Constants of the belief, from groups that are drawn with known ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from arrol_serve.belief import Belief
from trainer.head.answers import ScoredGroup
from trainer.head.belief import FEWEST, answer_reliability, fit_belief, leaders, moments


def drawn(questions: int, rivals: int, seed: int = 0, copies: int = 1) -> list[ScoredGroup]:
    """Rollouts that are right with their calibrated probability; wrong ones pick one of ``rivals``.

    ``copies``: each rollout comes so often, as of siblings that depend on each other.
    """
    rng = np.random.default_rng(seed)
    groups = []
    for question in range(questions):
        base = rng.beta(1.5, 1.5)
        right = rng.random(12) < base
        # Scores are drawn from the posterior's own model: given the truth, logit is normal.
        noise = rng.normal(size=12)
        logit = math.log(base / (1 - base)) + 2 * (np.where(right, 1, -1) + noise)
        wrong = rng.integers(0, rivals, 12)
        answers = ["right" if r else f"wrong {w}" for r, w in zip(right, wrong, strict=True)]
        groups.append(
            ScoredGroup(
                question,
                tuple(a for a in answers for _ in range(copies)),
                tuple(float(1 / (1 + math.exp(-x))) for x in logit for _ in range(copies)),
                tuple(bool(r) for r in right for _ in range(copies)),
            )
        )
    return groups


def test_leaders_have_the_chance_that_the_belief_gives() -> None:
    group = ScoredGroup(3, ("a", "b", "a", None), (0.7, 0.9, 0.6, 0.5), (True, False, True, False))
    belief = Belief(0.8, 1.3, 0.4)
    found = moments([group])
    chance, right = leaders(found, belief)
    whole = found.size == 4
    by_hand = belief.chances({"a": [0.7, 0.6], "b": [0.9]})
    leader = max(by_hand, key=by_hand.__getitem__)
    assert chance[whole] == pytest.approx([by_hand[leader]])
    assert right[whole].tolist() == [float(leader == "a")]


def test_what_was_fitted_can_be_believed_where_the_defaults_cannot() -> None:
    fitted = fit_belief(drawn(300, rivals=8, copies=3))
    fresh = drawn(300, rivals=8, seed=1, copies=3)
    mine, theirs = (
        [row["ece"] for row in answer_reliability(fresh, belief)["by_size"].values()]
        for belief in (fitted, Belief(3.0, 3.0, 0.0))
    )
    assert max(mine) < 0.06
    assert sum(mine) < sum(theirs)


def test_copies_of_one_rollout_say_no_more_than_it() -> None:
    alone, threefold = (fit_belief(drawn(300, rivals=3, copies=copies)) for copies in (1, 3))
    assert threefold.agreement < alone.agreement


def test_few_questions_leave_the_defaults() -> None:
    assert fit_belief(drawn(FEWEST - 1, rivals=3)) == Belief()
