"""Worked numbers, and the coverage of intervals."""

from itertools import combinations

import numpy as np
import pytest

from trainer.evaluation.statistics import bootstrap, calibration, pass_at_k, tokens_at


@pytest.mark.parametrize(
    ("samples", "right", "k"), [(4, 1, 2), (6, 2, 3), (6, 0, 6), (5, 4, 2), (5, 5, 1)]
)
def test_pass_at_k_is_the_share_of_the_draws_that_hold_a_right_one(
    samples: int, right: int, k: int
) -> None:
    draws = list(combinations(range(samples), k))
    lucky = sum(min(draw) < right for draw in draws)
    assert pass_at_k(samples, right, k) == pytest.approx(lucky / len(draws))


def test_calibration_error_by_hand() -> None:
    assert calibration([0.9, 0.9], [True, False])[1] == pytest.approx(0.4)


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
