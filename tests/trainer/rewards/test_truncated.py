"""What a rollout is worth that was cut off after it had stated the right answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.trainer.made_up import group, rollout
from trainer.experience import judged, train_rows
from trainer.rewards.grader import Grade
from trainer.sections import AlgorithmSection, RewardSection

STATED = Grade(1.0, right=True)


@pytest.mark.parametrize(
    ("truncated", "correct", "reward"),
    [("wrong", False, -1.0), ("graded", True, 1.0), ("left_out", None, 0.0)],
)
def test_a_truncated_rollout_is_what_the_recipe_says(
    truncated: Any, correct: bool | None, reward: float
) -> None:
    options = RewardSection(truncated=truncated, wrong=-1.0)
    whole = rollout(True).sampled
    cut = judged(replace(whole, finish_reason="length"), STATED, 4, options)
    assert (cut.correct, cut.reward, cut.problem) == (correct, reward, None)
    ended = judged(whole, STATED, 4, options)
    assert (ended.correct, ended.reward) == (True, 1.0)


def test_one_that_is_left_out_is_in_neither_update_nor_baseline() -> None:
    cut = replace(rollout(True, tokens=9).sampled, finish_reason="length")
    left_out = judged(cut, STATED, 9, RewardSection(truncated="left_out"))
    rest = [rollout(True), rollout(False), rollout(False)]
    plain = AlgorithmSection(dr_grpo=True)
    assert train_rows([group([left_out, *rest])], plain, dynamic=False) == train_rows(
        [group(rest)], plain, dynamic=False
    )
