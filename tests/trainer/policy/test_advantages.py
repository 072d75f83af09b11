"""Advantages over survivors, on worked numbers."""

from __future__ import annotations

import random

import numpy as np
import pytest

from trainer.policy.advantages import Correction, group_advantages


def advantages(rewards: list[float], **options: bool) -> list[float]:
    found = group_advantages(rewards, [1.0] * len(rewards), **options)
    assert found is not None
    return list(found.advantages)


def test_spread_has_no_degrees_of_freedom_taken_off() -> None:
    # mean 1/3, variance 2/9: the spread is sqrt(2)/3.
    assert advantages([1.0, 0.0, 0.0]) == pytest.approx([2**0.5, -(2**-0.5), -(2**-0.5)], abs=1e-5)


@pytest.mark.parametrize("count", [2, 4, 10])
def test_an_even_split_is_plus_and_minus_one_at_any_size(count: int) -> None:
    half = count // 2
    found = advantages([1.0] * half + [0.0] * half)
    assert found == pytest.approx([1.0] * half + [-1.0] * half, abs=1e-5)


def test_dr_grpo_does_not_divide() -> None:
    assert advantages([1.0, 0.0, 0.0], divide=False) == pytest.approx([2 / 3, -1 / 3, -1 / 3])


@pytest.mark.parametrize("rewards", [[], [1.0], [0.0, 0.0], [1.0, 1.0, 1.0]])
def test_a_group_without_signal_is_dropped(rewards: list[float]) -> None:
    assert group_advantages(rewards, [1.0] * len(rewards)) is None


def test_without_correction_propensities_do_not_matter() -> None:
    found = group_advantages([1.0, 0.0], [0.2, 0.9])
    assert found is not None
    assert found.weights == (1.0, 1.0)


def test_snips_on_worked_numbers() -> None:
    found = group_advantages([1.0, 0.0], [0.25, 0.5], correction="snips", divide=False)
    assert found is not None
    # Weights 4 and 2: the mean is 4/6, and they are scaled to a mean of 1.
    assert found.advantages == pytest.approx((1 / 3, -2 / 3))
    assert found.weights == pytest.approx((4 / 3, 2 / 3))


def test_snips_undoes_pruning_on_average() -> None:
    """Successes survive with 0.3, failures with 0.8; the share of successes is 1/2 for all that."""
    rng = random.Random(0)
    plain, corrected = [], []
    for _ in range(400):
        everyone = [(float(i % 2), 0.3 if i % 2 else 0.8) for i in range(64)]
        alive = [(r, p) for r, p in everyone if rng.random() < p]
        rewards, propensities = zip(*alive, strict=True)
        for correction, into in (("none", plain), ("snips", corrected)):
            found = group_advantages(rewards, propensities, correction=correction, divide=False)
            assert found is not None
            into.append(1 - max(found.advantages))  # the baseline that was subtracted
    assert sum(plain) / 400 == pytest.approx(0.3 / 1.1, abs=0.02)
    assert sum(corrected) / 400 == pytest.approx(0.5, abs=0.02)


def error(size: int, correction: Correction) -> float:
    """Distance of the survivors' policy gradient from that of the whole group, in the limit 0."""
    rng = np.random.default_rng(size)
    rewards = (rng.random(size) < 0.3).astype(float)
    scores = rng.normal(size=(size, 3)) + rewards[:, None]  # gradients of log-probabilities
    survival = np.where(rewards > 0, 0.8, 0.3)
    alive = rng.random(size) < survival
    whole = group_advantages(rewards, np.ones(size))
    part = group_advantages(rewards[alive], survival[alive], correction=correction)
    assert whole is not None
    assert part is not None
    full = (np.array(whole.advantages)[:, None] * scores).mean(0)
    terms = np.array(part.weights) * np.array(part.advantages)
    mean = (terms[:, None] * scores[alive]).sum(0) / np.array(part.weights).sum()
    return float(np.abs(mean - full).max())


def test_the_corrected_gradient_converges_to_that_of_all_rollouts() -> None:
    assert error(200_000, "snips") < 0.01
    assert error(200_000, "ipw") < 0.01
    assert error(200_000, "none") > 0.03  # balance changed, so did the gradient


def shares(correction: Correction, kappa: float = 0.5) -> list[float]:
    """Share of the batch's gradient weight of prompts with success rate .2, .5 and .8.

    16 rollouts each, judged by the paper's rule from the true q; weight is the sum of |weight x A|.
    """
    rng, found = np.random.default_rng(0), []
    for rate in (0.2, 0.5, 0.8):
        total = 0.0
        for _ in range(2000):
            right = rng.random(16) < rate
            q = 0.8 * rate + 0.2 * right  # a head that sees the prompt well, the rollout less so
            survival = np.clip(kappa + 0.5 * (0.5 - q), 0.1, 0.9)
            alive = rng.random(16) < (1 if kappa == 1 else survival)
            p = np.ones(16) if kappa == 1 else survival
            part = group_advantages(
                right[alive].astype(float), p[alive], correction=correction, divide=False
            )
            if part is not None:
                total += float(np.abs(np.array(part.weights) * np.array(part.advantages)).sum())
        found.append(total)
    return [part / sum(found) for part in found]


def test_only_ipw_leaves_prompts_the_weight_that_they_have_unpruned() -> None:
    unpruned = shares("none", kappa=1)
    assert shares("ipw") == pytest.approx(unpruned, abs=0.03)
    for correction in ("none", "snips"):
        assert shares(correction)[2] < 0.85 * unpruned[2]  # easy prompts are pruned most


def test_ipw_on_worked_numbers() -> None:
    found = group_advantages([1.0, 0.0], [0.25, 0.5], correction="ipw", divide=False)
    assert found is not None
    assert found.advantages == pytest.approx((1 / 3, -2 / 3))
    assert found.weights == pytest.approx((4, 2))
