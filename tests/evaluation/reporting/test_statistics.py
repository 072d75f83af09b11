"""Worked numbers, and the coverage of intervals."""

from itertools import combinations

import numpy as np
import pytest

from trainer.evaluation.reporting.statistics import bootstrap, pass_at_k, tokens_at
from trainer.head.told.reliability import reliability


@pytest.mark.parametrize(
    ("samples", "right", "k"), [(4, 1, 2), (6, 2, 3), (6, 0, 6), (5, 4, 2), (5, 5, 1)]
)
def test_pass_at_k_is_the_share_of_the_draws_that_hold_a_right_one(
    samples: int, right: int, k: int
) -> None:
    draws = list(combinations(range(samples), k))
    lucky = sum(min(draw) < right for draw in draws)
    assert pass_at_k(samples, right, k) == pytest.approx(lucky / len(draws))


def test_tokens_at_equal_accuracy_interpolates() -> None:
    assert tokens_at(0.5, [10, 20], [0.4, 0.6]) == pytest.approx(15)
    assert tokens_at(0.7, [10, 20], [0.4, 0.6]) is None


def test_intervals_cover_the_truth_about_95_times_in_100() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        low, high = bootstrap((rng.random(100) < 0.5).astype(float).tolist(), draws=500)
        hits += low <= 0.5 <= high
    assert 0.89 <= hits / 200 <= 0.99


def test_reliability_by_hand() -> None:
    said, right = [0.05, 0.95, 0.95, 0.95], [False, True, True, False]
    low, high = reliability(said, right, np.array([0, 0, 0, 1]))
    assert (low["said"], low["was"], low["count"]) == (0.05, 0.0, 1)
    assert (high["said"], high["was"], high["count"]) == (pytest.approx(0.95), 2 / 3, 3)
    assert reliability([], [], np.array([])) == []
    assert high["interval"] == [0.0, 1.0]  # two questions, one of them all wrong


def test_reliability_counts_questions_not_rollouts() -> None:
    """Sixteen rollouts that are right or wrong together say as much as one."""
    rng = np.random.default_rng(2)
    together = np.repeat(rng.random(30) < 0.5, 16)
    (many,) = reliability(np.full(480, 0.5), together, np.arange(480))
    (few,) = reliability(np.full(480, 0.5), together, np.arange(480) // 16)
    width = [high - low for low, high in (many["interval"], few["interval"])]
    assert width[1] == pytest.approx(4 * width[0], rel=0.15)
