"""Shaped rewards."""

from __future__ import annotations

import pytest

from trainer.rewards.shaping import overlong, reward
from trainer.sections import RewardSection


@pytest.mark.parametrize(
    ("tokens", "expected"), [(10, 0.0), (80, 0.0), (90, -0.5), (100, -1.0), (140, -1.0)]
)
def test_the_overlong_punishment_falls_in_a_line(tokens: int, expected: float) -> None:
    assert overlong(tokens, longest=100, margin=20) == pytest.approx(expected)


def test_rewards() -> None:
    config = RewardSection(overlong_tokens=20, overlong_factor=0.5)
    assert reward(True, 50, 100, config) == 1.0
    assert reward(True, 90, 100, config) == 0.75
    assert reward(False, 100, 100, config) == -0.5
    assert reward(False, 100, 100, RewardSection()) == 0.0
    assert reward(0.25, 50, 100, RewardSection(right=3.0, wrong=-1.0)) == 0.0
