"""Answers of every kind: read, compared with golds, or named as unusable."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.rollout import Fate
from trainer.errors import DataError
from trainer.evaluation.answer_option import parse_answer
from trainer.evaluation.datasets import Item, Source, load
from trainer.evaluation.grading import Reply, grade, unusable

HANGS = r"\sum_{n=1}^{10^9} \frac{1}{n}"


@pytest.fixture(scope="module")
def pool() -> Iterator[AnswerPool]:
    pool = AnswerPool(workers=1, timeout_s=10.0)
    yield pool
    pool.close()


def verdicts(pool: AnswerPool, option: str, gold: str, *texts: str) -> list[bool | None]:
    replies = [Reply(text, 3, Fate.FINISHED) for text in texts]
    record = grade(pool, "unpruned", Item("x/1", "?", gold), replies, parse_answer(option))
    return [sample.right for sample in record.samples]


@pytest.mark.parametrize(
    ("option", "gold", "right", "wrong"),
    [
        ("auto", r"\frac{1}{2}", "The answer is 0.5.", "The answer is 2."),
        ("auto", r"[0, \infty)", r"\boxed{[0,\infty)}", r"\boxed{(0,\infty)}"),
        ("auto", r"(-1, 1) \cup (2, 3)", r"\boxed{(2,3)\cup(-1,1)}", r"\boxed{(-1,1)\cup(2,4)}"),
        ("auto", r"\{1, 2, 3\}", r"\boxed{\{3,2,1\}}", r"\boxed{\{1,2\}}"),
        ("auto", r"\left( 3, \frac{\pi}{2} \right)", r"\boxed{(3,\pi/2)}", r"\boxed{(\pi/2,3)}"),
        ("auto", "east", r"\boxed{\text{East}}", r"\boxed{\text{West}}"),
        ("latex", "x^2+2x+1", r"so \boxed{(x+1)^2} it is", "The answer is x^2+2x+1"),
        ("number", "1,234", "It costs 1 + 1233 = $1234 in all", "about 1235"),
        ("choice", "B", "The answer is (B).", "The answer is (C), not (B)"),
        (r"regex:RESULT=(\d+)", "7", "RESULT=6 no RESULT=7", r"\boxed{7}"),
        ("json:/x", "7", '{"x": 7}', '{"y": 7}'),
    ],
)
def test_answers(pool: AnswerPool, option: str, gold: str, right: str, wrong: str) -> None:
    assert verdicts(pool, option, gold, right, wrong) == [True, False]


@pytest.mark.parametrize("option", ["", "numbers", "regex", "regex:(", "json:x", "auto:1"])
def test_answer_options_that_are_none(option: str) -> None:
    with pytest.raises(DataError, match=r"^--answer"):
        parse_answer(option)


def test_a_gold_that_cannot_be_parsed_is_named_with_its_line(
    pool: AnswerPool, tmp_path: Path
) -> None:
    path = tmp_path / "mine.jsonl"
    golds = ["7", r"\frac{1", "#### 8", "9"]
    path.write_text("".join(json.dumps({"question": "?", "answer": g}) + "\n" for g in golds))
    found = unusable(pool, load([str(path)], Source()), AnswerSpec())
    assert list(found) == ["mine/2", "mine/3"]
    assert found["mine/3"] == "mine.jsonl line 3: the gold answer '#### 8' cannot be parsed"


def test_an_answer_that_hangs_is_a_time_out_and_not_right() -> None:
    pool = AnswerPool(workers=1, timeout_s=2.0)
    try:
        found = verdicts(pool, "auto", "7", rf"\boxed{{{HANGS}}}", r"\boxed{7}")
        late = unusable(pool, [Item("x/1", "?", HANGS)], AnswerSpec())
    finally:
        pool.close()
    assert found == [None, True]
    assert "2 s" in late["x/1"]


def test_answers_to_generated_tasks_are_scored_by_the_task(pool: AnswerPool) -> None:
    pytest.importorskip("reasoning_gym")
    (item,) = load(["gym:chain_sum"], Source(limit=1))
    texts = [f"The answer is {item.gold}.", f"The answer is {item.gold}1.", item.gold + " it is"]
    replies = [Reply(text, 3, Fate.FINISHED) for text in texts]
    record = grade(pool, "unpruned", item, replies, AnswerSpec())
    assert [s.right for s in record.samples] == [True, False, False]
    assert unusable(pool, [item], AnswerSpec()) == {}
