"""Verdicts and shaped rewards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arrol_serve.answers.pool import AnswerPool
from trainer.config import RewardSection
from trainer.reward import judge, overlong, reward

TOWER = "\\boxed{9^{9^{9^{9^{9}}}}}"


@pytest.fixture(scope="module")
def pool() -> Iterator[AnswerPool]:
    made = AnswerPool(workers=1, timeout_s=3.0)
    yield made
    made.close()


def test_verdicts_in_order_with_equal_pairs(pool: AnswerPool) -> None:
    right, wrong = ("The answer is \\boxed{12}.", "12"), ("The answer is \\boxed{13}.", "12")
    assert judge(pool, [right, wrong, right, ("nothing", "12")]) == [True, False, True, False]


def test_an_answer_that_never_compares_is_no_verdict(pool: AnswerPool) -> None:
    assert judge(pool, [(TOWER, "7"), ("\\boxed{2}", "2")]) == [None, True]


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
