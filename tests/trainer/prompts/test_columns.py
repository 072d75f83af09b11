"""Which fields are taken for question and answer, and what is said where none can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.prompts.columns import find_columns
from trainer.prompts.table import read_table
from trainer.sections import DataSection

USER = {"role": "user", "content": "2+2?"}
SYSTEM = {"role": "system", "content": "Be brief."}
REPLY = {"role": "assistant", "content": "4"}


def found(row: dict[str, Any], question: str = "auto", answer: str = "auto", mark: str = "") -> Any:
    read = find_columns([row], question, answer, mark).read(row)
    return read.question, read.gold, read.before


@pytest.mark.parametrize(
    ("row", "gold"),
    [
        ({"question": "2+2?", "answer": "4"}, "4"),
        ({"question": "2+2?", "answer": 4}, "4"),
        ({"question": "2+2?", "answer": "2 and 2\n#### 4"}, "4"),
        ({"problem": "2+2?", "solution": "It is $\\boxed{4}$.", "level": 3}, "4"),
        ({"problem": "2+2?", "answer": "4", "solution": "long"}, "4"),
        ({"prompt": "2+2?", "ground_truth": ["4"]}, "4"),
        ({"prompt": [USER], "reward_model": {"ground_truth": "4"}}, "4"),
        ({"id": 7, "messages": [USER], "answer": "4"}, "4"),
        ({"messages": [USER, REPLY]}, "4"),
        ({"conversations": [{"from": "human", "value": "2+2?"}, {"from": "gpt", "value": "4"}]}, "4"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "2+2?"}]}], "answer": 4}, "4"),
    ],
)  # fmt: skip
def test_usual_rows_need_no_names(row: dict[str, Any], gold: str) -> None:
    assert found(row) == ("2+2?", gold, ())


def test_turns_before_the_question_are_kept() -> None:
    row = {"messages": [SYSTEM, {"role": "user", "content": "1+1?"}, REPLY, USER], "answer": "4"}
    earlier = (("system", "Be brief."), ("user", "1+1?"), ("assistant", "4"))
    assert found(row) == ("2+2?", "4", earlier)


def test_names_and_marks_of_the_user_come_first() -> None:
    row = {"question": "no", "q": "2+2?", "answer": "no", "a": "so = 4"}
    assert found(row, "q", "a", "=") == ("2+2?", "4", ())


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"text": "2+2?", "y": 4}, r"no question under any of the usual names .*; the row has text, y"),
        ({"question": "2+2?", "y": 4}, r"no answer under any of the usual names .*; the row has question, y"),
        ({"question": "2+2?", "answer": ["4", "5"]}, "2 answers in the field 'answer', where one is needed"),
        ({"messages": [SYSTEM], "answer": "4"}, "end in no question of the user"),
        ({"prompt": [1, 2], "answer": "4"}, "not of messages with role and content"),
        ({"prompt": [{"role": "user", "content": [{"image": "x"}]}], "answer": "4"}, "not of messages"),
    ],
)  # fmt: skip
def test_rows_without_question_or_answer_say_so(row: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        found(row)


def test_a_mark_is_taken_only_where_all_answers_have_it() -> None:
    rows = [{"question": "a", "answer": "x #### 4"}, {"question": "b", "answer": "5"}]
    columns = find_columns(rows, "auto", "auto", "")
    assert [columns.read(row).gold for row in rows] == ["x #### 4", "5"]


@pytest.mark.parametrize("odd", ["Add them.\n#### 4", "first " * 21 + "4"])
def test_answers_that_look_like_solutions_are_told(odd: str, tmp_path: Path) -> None:
    rows = [{"question": "What is 2+2?", "answer": answer} for answer in (odd, "4", "two and two")]
    path = tmp_path / "mixed.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    note = read_table(DataSection(source=str(path))).note
    assert "compared as whole texts: 1 of the answers" in note
    assert odd[:5] in note
