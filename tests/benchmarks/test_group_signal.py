"""Groups without signal, on worked numbers."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.group_signal import mixed_probability, seen_groups
from trainer.config import load_config
from trainer.pruning.online_head import FINAL


def test_a_group_is_mixed_unless_all_agree() -> None:
    assert mixed_probability(np.array([0.5, 0.5])) == pytest.approx(0.5)
    assert mixed_probability(np.array([0.9, 0.8])) == pytest.approx(1 - 0.72 - 0.02)
    assert mixed_probability(np.array([0.7])) == pytest.approx(0.0)


def test_groups_are_judged_by_the_posterior_of_the_steps_before() -> None:
    """Two bins, two groups a step. The first step's four fill the upper bin: 3 right, 1 wrong."""
    changes = ["head.bins=2", "head.decay=1", "prune.cold_start=1", "rollout.prompts=2"]
    first = [(1.0, 1.0, 32, g, 1.0) for g in (0, 0, 1)] + [(1.0, 0.0, 32, 1, 1.0)]
    second = [(1.0, 1.0, 32, 2, 1.0)] * 2 + [(1.0, 0.0, FINAL, 2, 1.0)]
    found = list(seen_groups(np.array(first + second), load_config(None, changes)))
    # P(b|1) = 4/5, P(b|0) = 2/3, pi = 4/6.
    q = (4 / 6 * 4 / 5) / (4 / 6 * 4 / 5 + 2 / 6 * 2 / 3)
    assert [(group.mixed, group.probability) for group in found] == [
        (False, pytest.approx(1 - q**2 - (1 - q) ** 2))
    ]
