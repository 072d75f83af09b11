"""The subset of most reward variance, against all subsets."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.made_up import group, rollout
from trainer.config import load_config
from trainer.errors import ConfigError
from trainer.experience import train_rows
from trainer.policy.down_sampling import most_varied
from trainer.sections import AlgorithmSection


@pytest.mark.parametrize("seed", range(20))
def test_no_subset_varies_more(seed: int) -> None:
    rng = random.Random(seed)
    rewards = [rng.choice([0.0, 1.0, rng.random()]) for _ in range(9)]
    for count in (2, 4, 7):
        best = max(float(np.var(part)) for part in combinations(rewards, count))
        chosen = most_varied(rewards, count)
        assert len(set(chosen)) == count
        assert float(np.var([rewards[i] for i in chosen])) == pytest.approx(best)


def test_right_and_wrong_ones_are_balanced_as_far_as_they_go() -> None:
    assert most_varied([0, 1, 0, 0, 1, 1], 4) == [0, 1, 2, 4]
    assert most_varied([0, 0, 0, 1, 0], 4) == [0, 1, 2, 3]
    assert most_varied([0, 1], 4) == [0, 1]


def test_advantages_are_within_the_subset() -> None:
    """One of six is right: with the five wrong ones 2.24 and -0.45, beside a single one +1 and -1."""
    judged = group([rollout(i == 4) for i in range(6)])
    plain = train_rows([judged], AlgorithmSection(), dynamic=False)
    assert max(row.advantage for row in plain) == pytest.approx(5**0.5, abs=1e-4)
    few = train_rows([judged], AlgorithmSection(train_of_group=2), dynamic=False)
    assert [row.advantage for row in few] == pytest.approx([-1, 1], abs=1e-4)


@given(st.lists(st.sampled_from([0.1, 0.7, 1e6, 1e6 + 0.1, 3e6]), max_size=9), st.integers(2, 6))
def test_nobody_is_chosen_twice_however_large_rewards_are(rewards: list[float], count: int) -> None:
    """Where a variance depends on the order in which it is added up, equal rewards meet from both sides."""
    chosen = most_varied(rewards, count)
    assert len(set(chosen)) == len(chosen) == min(count, len(rewards))


@pytest.mark.parametrize("key", ["correction=ipw", "train_of_group=1"])
def test_what_it_cannot_be_combined_with_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="train_of_group"):
        load_config(None, ["algorithm.train_of_group=4", f"algorithm.{key}"])
