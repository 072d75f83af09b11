"""Several reward functions, columns of the row, and functions that take lists as TRL's do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from arrol_serve.answers.pool import AnswerPool
from trainer.errors import ConfigError
from trainer.prompts.listed import Listed
from trainer.prompts.prompt import Prompt
from trainer.rewards.grader import Grade, Grader, labels
from trainer.sections import DataSection, RewardSection

HERE = "tests.trainer.rewards.rewards_for_tests"
LENGTH, EASY, HOW_MANY = f"{HERE}:length", f"{HERE}:easy", f"{HERE}:how_many"
PROMPT = Prompt("q", "test", "2+2?", "4", row={"difficulty": 4})


@pytest.fixture(scope="module")
def pool() -> Iterator[AnswerPool]:
    made = AnswerPool(workers=1, timeout_s=2.0)
    yield made
    made.close()


def graded(
    pool: AnswerPool, replies: Sequence[str], prompt: Prompt = PROMPT, **given: Any
) -> list[Grade]:
    grader = Grader(pool, RewardSection(**given))
    grader.check([prompt])
    return grader.grade([(reply, prompt) for reply in replies])


def rows(tmp_path: Path, text: str) -> Prompt:
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    return Listed(DataSection(source=str(path)), seed=0).prompt(0)


def test_a_weighted_sum_whose_first_function_says_what_is_right(pool: AnswerPool) -> None:
    right, wrong = graded(
        pool, ["\\boxed{4}", "12345"], functions=("math", LENGTH, EASY), weights=(1.0, 0.5, -1)
    )
    assert right.value == pytest.approx(1 + 0.5 * 0.9 - 0.25)
    assert wrong.value == pytest.approx(0.5 * 0.5 - 0.25)
    assert (right.right, wrong.right) == (True, False)
    assert right.parts == {"math": 1.0, "length": 0.9, "easy": 0.25}


def test_without_weights_each_counts_once(pool: AnswerPool) -> None:
    (grade,) = graded(pool, ["12345"], functions=(LENGTH, EASY))
    assert (grade.value, grade.right) == (0.75, True)


def test_functions_of_trl_take_texts_and_columns(pool: AnswerPool, tmp_path: Path) -> None:
    prompt = rows(tmp_path, '{"prompt": "2+2?", "solution": "4", "prompt_again": "2+2?"}\n')
    found = graded(pool, ["4", "5", "4"], prompt, function=f"{HERE}:trl_texts")
    assert [(grade.value, grade.right) for grade in found] == [(2.5, True), (0, False), (2.5, True)]


def test_functions_of_trl_take_messages_where_rows_hold_them(
    pool: AnswerPool, tmp_path: Path
) -> None:
    row = '{"prompt": [{"role": "user", "content": "2+2?"}], "answer": "4"}\n'
    found = graded(pool, ["4", "5"], rows(tmp_path, row), function=f"{HERE}:trl_messages")
    assert [grade.value for grade in found] == [1, 0]


def test_texts_can_be_given_as_messages(pool: AnswerPool, tmp_path: Path) -> None:
    prompt = rows(tmp_path, '{"question": "2+2?", "answer": "4"}\n')
    given = {"function": f"{HERE}:trl_messages", "completions": "messages"}
    assert [grade.value for grade in graded(pool, ["4", "5"], prompt, **given)] == [1, 0]


def test_a_function_that_does_not_apply_leaves_the_word_to_the_next(
    pool: AnswerPool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = rows(tmp_path, '{"prompt": "2+2?", "solution": "4", "prompt_again": "2+2?"}\n')
    trl = f"{HERE}:trl_texts"
    (both,) = graded(pool, ["pass"], prompt, functions=(trl, "exact"))
    assert (both.value, both.right, both.parts) == (0.0, False, {"exact": 0.0})
    (alone,) = graded(pool, ["pass"], prompt, function=trl)
    assert (alone.value, alone.problem) == (None, "unscored")
    assert "reward_problems/unscored" in capsys.readouterr().err


def test_lists_hold_all_replies_or_as_many_as_a_batch(pool: AnswerPool) -> None:
    replies = ["a", "a", "b", "c", "d"]
    assert [grade.value for grade in graded(pool, replies, function=HOW_MANY)] == [5] * 5
    found = graded(pool, replies, function=HOW_MANY, batch=2)
    assert [grade.value for grade in found] == [2, 2, 2, 2, 1]


@pytest.mark.parametrize(
    ("first", "problems"),
    [
        ("raise", ("raised", "raised")),
        ("hang", ("timeout", "timeout")),
        ("die", ("crash", "crash")),
        ("short", ("nonsense", "nonsense")),
        ("none", ("raised", "raised")),
        ("odd", ("nonsense", "nonsense")),
        ("fine", (None, None)),
    ],
)
def test_what_goes_wrong_in_a_list_is_named(
    pool: AnswerPool, first: str, problems: tuple[str | None, ...]
) -> None:
    found = graded(pool, [first, "4"], function=f"{HERE}:moody_lists")
    assert tuple(grade.problem for grade in found) == problems


def test_a_column_that_no_row_has_is_refused(pool: AnswerPool) -> None:
    with pytest.raises(
        ConfigError, match=r"takes rubric, which is no column.*difficulty, gold, key"
    ):
        graded(pool, ["4"], function=f"{HERE}:needs_more")


def test_settings_that_no_function_would_notice_are_refused(pool: AnswerPool) -> None:
    for given in ({"batch": 3}, {"completions": "text"}, {"retries": 1}):
        with pytest.raises(ConfigError, match=f"reward.{next(iter(given))} is set"):
            graded(pool, ["4"], function="exact", **given)
    with pytest.raises(ConfigError, match=r"reward\.retries is set"):
        graded(pool, ["4"], function=HOW_MANY, retries=1)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"functions": ("math",), "function": "exact"}, "both set"),
        ({"functions": ("math", "exact"), "weights": (1.0,)}, "1 weights for 2 functions"),
        ({"functions": ("math", "exact"), "weights": (0.0, 0.0)}, "nothing would be rewarded"),
        ({"functions": ("math", "math")}, "named twice"),
        ({"function": "ftp://host/x"}, "not the URL"),
        ({"function": "https://"}, "not the URL"),
    ],
)
def test_settings_that_contradict_each_other(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        RewardSection(**given)


def test_labels_are_short_where_they_tell_functions_apart() -> None:
    assert labels(["math", "a:form", "https://h:1/score"]) == ["math", "form", "score"]
    assert labels(["a:form", "b:form", "https://h"]) == ["a:form", "b:form", "h"]
