"""Calibration and AUC against scikit-learn and worked numbers."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from arrol_serve.quality.calibration import (
    auc,
    expected_calibration_error,
    fit_platt,
    sigmoid,
    within_group_auc,
)
from arrol_serve.quality.posterior import BinnedPosterior, solve_delta

RNG = np.random.default_rng(0)
LABELS = RNG.random(500) < 0.4
SCORES = np.round(RNG.normal(size=500) + LABELS, 1)  # rounded: many ties


def test_auc_is_scikit_learns() -> None:
    assert auc(SCORES, LABELS) == pytest.approx(roc_auc_score(LABELS, SCORES), abs=1e-12)


def test_auc_without_both_classes_is_not_a_number() -> None:
    assert np.isnan(auc([1.0, 2.0], [True, True]))


def test_within_group_auc_ignores_what_differs_between_groups() -> None:
    # Group 0 is easy and scores high, group 1 hard and low; inside each the order is wrong.
    scores = [9.0, 8.0, 9.5, -9.0, -8.0, -9.5]
    labels = [True, True, False, True, False, False]
    groups = np.array([0, 0, 0, 1, 1, 1])
    result = within_group_auc(scores, labels, groups)
    assert result.mixed_groups == 2
    assert result.value == pytest.approx(1 / 4)  # pairs: 0 of 2 right, then 1 of 2
    assert auc(scores, labels) > 0.5


def test_within_group_auc_averages_scikit_learns_by_pairs() -> None:
    groups = RNG.integers(0, 30, 500)
    expected, pairs = 0.0, 0
    for group in range(30):
        inside = groups == group
        right, wrong = LABELS[inside].sum(), (~LABELS[inside]).sum()
        if not right or not wrong:
            continue
        expected += roc_auc_score(LABELS[inside], SCORES[inside]) * right * wrong
        pairs += right * wrong
    result = within_group_auc(SCORES, LABELS, groups)
    assert result.value == pytest.approx(expected / pairs)
    assert result.low < result.value < result.high


def test_within_group_intervals_cover_the_truth_about_95_times_in_100() -> None:
    """Scores of right ones are N(1, 1), of wrong ones N(0, 1): their AUC is Phi(1 / sqrt 2)."""
    rng, truth = np.random.default_rng(3), NormalDist().cdf(2**-0.5)
    groups = np.repeat(np.arange(60), 8)
    hits = 0
    for _ in range(200):
        difficulty = np.repeat(rng.random(60), 8)  # differs by group, as of questions
        labels = rng.random(480) < difficulty
        scores = rng.normal(size=480) + labels + 5 * difficulty
        found = within_group_auc(scores, labels, groups, draws=300)
        hits += found.low <= truth <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_platt_is_an_unregularised_logistic_regression() -> None:
    labels = RNG.random(20_000) < 1 / (1 + np.exp(-(2.0 * (x := RNG.normal(size=20_000)) - 0.7)))
    scale, shift = fit_platt(x, labels)
    reference = LogisticRegression(C=1e9).fit(x[:, None], labels)
    assert scale == pytest.approx(reference.coef_[0, 0], abs=0.01)
    assert shift == pytest.approx(reference.intercept_[0], abs=0.01)


def test_calibration_error_on_worked_numbers() -> None:
    # One bin at 0.9 with half right (gap 0.4), one at 0.1 with none right (gap 0.1).
    error = expected_calibration_error([0.9, 0.9, 0.1, 0.1], [1, 0, 0, 0], bins=10)
    assert error == pytest.approx((2 * 0.4 + 2 * 0.1) / 4)


def test_calibration_error_is_the_weighted_gap_of_scikit_learns_curve() -> None:
    probabilities = RNG.random(2000)
    labels = RNG.random(2000) < probabilities**2
    right, said = calibration_curve(labels, probabilities, n_bins=15)
    weights = np.bincount((probabilities * 15).astype(int)) / 2000
    expected = float((weights * np.abs(right - said)).sum())
    assert expected_calibration_error(probabilities, labels) == pytest.approx(expected)


def test_posterior_is_bayes_by_hand() -> None:
    posterior = BinnedPosterior(bins=2, alpha=1.0)
    posterior.observe([-1.0, -1.0, -1.0, 1.0, 1.0], [False, False, True, True, True])
    # counts right (1, 2), wrong (2, 0); P(b|1) = (2/5, 3/5), P(b|0) = (3/4, 1/4); pi = 4/7
    low = (4 / 7 * 2 / 5) / (4 / 7 * 2 / 5 + 3 / 7 * 3 / 4)
    high = (4 / 7 * 3 / 5) / (4 / 7 * 3 / 5 + 3 / 7 * 1 / 4)
    np.testing.assert_allclose(posterior.posterior(), [low, high])


def test_posterior_forgets() -> None:
    posterior = BinnedPosterior(bins=2, decay=0.5)
    for _ in range(40):
        posterior.observe([1.0] * 10, [False] * 10)
    for _ in range(10):
        posterior.observe([1.0] * 10, [True] * 10)
    assert posterior.posterior()[1] > 0.8


def test_delta_meets_kappa_under_clipping() -> None:
    q = RNG.random(1000) ** 3
    delta = solve_delta(q, kappa=0.3, lam=1.5)
    p = np.clip(0.3 + delta + 1.5 * (0.5 - q), 0.1, 0.9)
    assert p.mean() == pytest.approx(0.3, abs=1e-9)


def test_weights_count_like_copies() -> None:
    scores, labels = np.array(SCORES), np.array(LABELS)
    times = np.arange(len(scores)) % 3 + 1
    copied = np.repeat(scores, times), np.repeat(labels, times)
    assert auc(scores, labels, times) == pytest.approx(auc(*copied))
    chance, again = sigmoid(scores), sigmoid(copied[0])
    found = expected_calibration_error(chance, labels, weights=times)
    assert found == pytest.approx(expected_calibration_error(again, copied[1]))
    # Smoothed targets depend on the count: scaled weights have the count of the plain rows.
    fitted = fit_platt(np.tile(scores, 3), np.tile(labels, 3), np.tile(times, 3))
    assert fitted == pytest.approx(fit_platt(*(np.tile(v, 2) for v in copied)), abs=0.02)
