"""Worked numbers, and the coverage of intervals."""

import numpy as np
import pytest

from trainer.evaluation.statistics import bootstrap, calibration, pass_at_k, tokens_at


def test_pass_at_k_is_the_share_of_the_draws_that_hold_a_right_one() -> None:
    assert pass_at_k(4, 1, 2) == pytest.approx(0.5)


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
