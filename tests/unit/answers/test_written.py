"""Replies and answers made up by kind, one a line: what a careful person says each one answers.

``replies.jsonl``: ``[extract, reply, answer]``. ``pairs.jsonl``: spellings of one answer (``equal``), or
answers that are all different.
"""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

from arrol_serve.answers.equivalence import equivalent
from arrol_serve.answers.extract import extract
from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.partition import partition
from arrol_serve.answers.spec_text import spec_of

HERE = Path(__file__).parent


def _lines(name: str) -> list[Any]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


def _is(got: str | None, answer: str | None, how: str) -> bool:
    if got is None or answer is None or how in ("tool", "code"):
        return got == answer
    return equivalent(got, answer)


def test_every_reply_is_read() -> None:
    replies = _lines("replies.jsonl")
    wrong = [
        (how, reply, got, answer)
        for how, reply, answer in replies
        if not _is(got := extract(reply, spec_of(how)), answer, how)
    ]
    assert len(replies) > 1000
    assert not wrong


def test_spellings_of_one_answer_are_equal_in_either_order() -> None:
    pairs = [
        (row["equal"][0], other) for row in _lines("pairs.jsonl") for other in row.get("equal", [])
    ]
    assert len(pairs) > 500
    assert not [(a, b) for a, b in pairs if not (equivalent(a, b) and equivalent(b, a))]


def test_different_answers_are_different_in_either_order() -> None:
    rows = [row.get("different", []) for row in _lines("pairs.jsonl")]
    pairs = [pair for row in rows for pair in itertools.permutations(row, 2)]
    assert len(pairs) > 500
    assert not [(a, b) for a, b in pairs if equivalent(a, b)]


def test_votes_over_any_of_them_depend_on_no_order() -> None:
    """The neighbours in the file are spellings that are likely to chain."""
    answers = [
        a for row in _lines("pairs.jsonl") for a in row.get("equal", row.get("different", []))
    ]
    draw = random.Random(0)
    for _ in range(2000):
        at = draw.randrange(len(answers) - 30)
        some = draw.choices(answers[at : at + 30], k=12)
        assert _groups(some) == _groups(draw.sample(some, len(some)))


def _groups(answers: list[str]) -> set[frozenset[str]]:
    groups: dict[int, set[str]] = {}
    for answer, group in zip(answers, partition([kind_of(a) for a in answers]), strict=True):
        groups.setdefault(group, set()).add(answer)
    return {frozenset(group) for group in groups.values()}
