"""The expected uniform vote against every subset, one by one."""

from itertools import combinations

import numpy as np
import pytest

from trainer.evaluation.reporting.uniform_vote import MOST, uniform_vote, uniform_votes


def test_ties_are_settled_by_lot() -> None:
    assert uniform_vote(["7", "5", "7", "5", "3"], [1, 0, 1, 0, 0]) == 0.5
    assert uniform_vote(["7", "5", "3", None], [1, 0, 0, 0]) == pytest.approx(1 / 3)
    assert uniform_vote(["7", "7", "5"], [1, 1, 0]) == 1
    assert uniform_vote([None, None], [0, 0]) == 0
    assert uniform_vote(["7", "7", "5"], [1, 0, 0]) == 0.5  # one answer, two verdicts


@pytest.mark.parametrize("seed", range(12))
def test_all_k_are_the_mean_over_all_subsets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    answers = [[None, "a", "b", "c", "d"][i] for i in rng.integers(0, 5, 8)]
    right = [float(a == "a" or (a == "b" and i % 2)) for i, a in enumerate(answers)]
    found = uniform_votes(answers, right)
    for k in range(1, 9):
        subsets = list(combinations(range(8), k))
        each = [uniform_vote([answers[i] for i in s], [right[i] for i in s]) for s in subsets]
        # An answer's worth is that of all its rollouts; over all subsets that comes to the same.
        assert found[k - 1] == pytest.approx(sum(each) / len(each)), k


def test_one_rollout_is_pass_at_1_and_all_are_the_vote() -> None:
    answers, right = ["7", "5", "5", None, "7", "7"], [1.0, 0, 0, 0, 1, 1]
    found = uniform_votes(answers, right)
    assert found[0] == pytest.approx(0.5)
    assert found[-1] == uniform_vote(answers, right) == 1


def test_many_rollouts_stay_exact() -> None:
    rng = np.random.default_rng(0)
    answers = [str(min(9, i)) for i in rng.geometric(0.3, MOST)]
    right = [float(a == "1") for a in answers]
    found = uniform_votes(answers, right)
    assert found[0] == pytest.approx(sum(right) / MOST)
    assert found[-1] == pytest.approx(1)
    with pytest.raises(ValueError, match="at most 1000"):
        uniform_votes([*answers, "1"], [*right, 1.0])
