"""Every line of docs/answers.md, and that the page is current."""

from __future__ import annotations

import pytest

from arrol_serve.answers.equivalence import equivalent
from arrol_serve.answers.extract import extract
from arrol_serve.answers.spec_text import spec_of
from tests.unit.answers.cases import DIFFERENT, EQUAL, READ
from tests.unit.answers.table import PAGE, render

READ_CASES = [case for cases in READ.values() for case in cases]
EQUAL_CASES = [pair for pairs in EQUAL.values() for pair in pairs]
DIFFERENT_CASES = [pair for pairs in DIFFERENT.values() for pair in pairs]


@pytest.mark.parametrize(("how", "reply", "answer"), READ_CASES)
def test_a_reply_is_read(how: str, reply: str, answer: str | None) -> None:
    assert extract(reply, spec_of(how)) == answer


@pytest.mark.parametrize(("a", "b"), EQUAL_CASES)
def test_equal_in_either_order(a: str, b: str) -> None:
    assert equivalent(a, b)
    assert equivalent(b, a)


@pytest.mark.parametrize(("a", "b"), DIFFERENT_CASES)
def test_different_in_either_order(a: str, b: str) -> None:
    assert not equivalent(a, b)
    assert not equivalent(b, a)


def test_the_page_is_what_the_cases_say() -> None:
    text = PAGE.read_text()
    assert render(text) == text, "run python -m tests.unit.answers.table"
