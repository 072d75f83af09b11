"""Reward functions of users: what they return, and what they do instead of returning."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arrol_serve.answers.pool import AnswerPool
from trainer.errors import ConfigError
from trainer.prompts.gym import Gym
from trainer.prompts.prompt import Prompt
from trainer.rewards.grader import Grade, Grader
from trainer.sections import RewardSection

MOODY = "tests.trainer.rewards.rewards_for_tests:moody"
HANGS = "\\boxed{\\sum_{n=1}^{10^9} \\frac{1}{n}}"
PROMPT = Prompt("q", "test", "2+2?", "4")


@pytest.fixture(scope="module")
def pool() -> Iterator[AnswerPool]:
    made = AnswerPool(workers=1, timeout_s=2.0)
    yield made
    made.close()


def grades(pool: AnswerPool, function: str, *replies: str) -> list[Grade]:
    grader = Grader(pool, RewardSection(function=function, timeout_s=2.0))
    return grader.grade([(reply, PROMPT) for reply in replies])


def test_values_and_booleans(pool: AnswerPool) -> None:
    length = "tests.trainer.rewards.rewards_for_tests:length"
    assert [grade.value for grade in grades(pool, length, "12345", "", "x" * 99)] == [0.5, 0, 1]
    assert [grade.value for grade in grades(pool, MOODY, "4", "5")] == [1, 0]


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("hang", "timeout"),
        ("spin", "timeout"),
        ("raise", "raised"),
        ("leave", "raised"),
        ("die", "crash"),
        ("nan", "nonsense"),
        ("two", "nonsense"),
        ("text", "nonsense"),
        ("none", "nonsense"),
    ],
)
def test_what_gives_no_value_is_named_and_not_zero(
    pool: AnswerPool, reply: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grades(pool, MOODY, reply, "4") == [Grade(None, problem), Grade(1.0, right=True)]  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert MOODY in said
    assert f"reward_problems/{problem}" in said


def test_each_kind_of_problem_is_shown_once_and_counted(
    pool: AnswerPool, capsys: pytest.CaptureFixture[str]
) -> None:
    grader = Grader(pool, RewardSection(function=MOODY))
    other = Prompt("p", "test", "3+3?", "6")
    grader.grade([("raise", PROMPT), ("raise", other), ("nan", PROMPT)])
    assert grader.problems == {"raised": 2, "nonsense": 1}
    said = capsys.readouterr().err
    assert said.count("no such luck") == 1
    assert said.count("returned nan") == 1


def test_an_answer_that_never_compares_is_no_verdict(pool: AnswerPool) -> None:
    assert grades(pool, "math", HANGS, "\\boxed{4}") == [
        Grade(None, "timeout"),
        Grade(1.0, right=True),
    ]


def test_registered_rewards(pool: AnswerPool) -> None:
    replies = ("so \\boxed{4}", "so \\boxed{4.0}", "who knows")
    assert [grade.value for grade in grades(pool, "exact", *replies)] == [1, 0, 0]
    assert [grade.value for grade in grades(pool, "math", *replies)] == [1, 1, 0]


def test_gym_tasks_are_scored_by_the_gym(pool: AnswerPool) -> None:
    pytest.importorskip("reasoning_gym")
    prompt = Gym(("gcd",), seed=1).prompt(3)
    grader = Grader(pool, RewardSection(), source="gym")
    replies = [f"It is \\boxed{{{prompt.gold}}}.", prompt.gold, "\\boxed{123456789}"]
    values = [grade.value for grade in grader.grade([(reply, prompt) for reply in replies])]
    assert values[:2] == [1.0, 1.0]
    assert values[2] is not None
    assert values[2] < 0.5


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("mth", "known are math, exact, gym"),
        ("no.such.module:f", "No module named"),
        ("tests.trainer.rewards.rewards_for_tests:nothing", "has no attribute 'nothing'"),
        ("tests.trainer.rewards.rewards_for_tests:NOT_A_FUNCTION", "not a function"),
        ("builtins:len", "called by name"),
        ("builtins:int", "cannot be seen"),
    ],
)
def test_a_function_that_cannot_be_loaded_is_refused(
    pool: AnswerPool, function: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        Grader(pool, RewardSection(function=function)).check()
    Grader(pool, RewardSection(function=MOODY)).check()
    assert pool.timeout_s == 2.0


def test_golds_of_which_none_can_be_compared_with_are_refused_at_the_start(
    pool: AnswerPool,
) -> None:
    said = [Prompt(str(i), "test", f"{i}+1?", f"The answer is {i + 1}") for i in range(3)]
    grader = Grader(pool, RewardSection())
    with pytest.raises(ConfigError, match=r"is a sentence: give '1' alone.*data\.answer_after"):
        grader.check(said)
    grader.check([*said, PROMPT])  # the others are counted as they come
