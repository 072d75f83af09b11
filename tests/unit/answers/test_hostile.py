"""Texts that were made to hang, crash or explode the reader. All are read in bounded time."""

from __future__ import annotations

import random
import time

import pytest

from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.partition import same
from arrol_serve.answers.plain import MAX_PLAIN
from arrol_serve.answers.reading import READERS, read
from arrol_serve.answers.spec import AnswerSpec

UNITS = [
    "a", " ", "\n", "{", "}", "(", "[", "$", "$x", "*", '"', '"""', "`", "```\n", "|", "\\", "\\\\", "_",
    "#", "#### 5\n", "The answer is ", "The answer is 5. ", "answer: ", "answer to ", "final ", "答案", "选A",
    "<answer>", "<answer>5</answer>", "【答案】", '{"answer": ', '{"answer": 5}', "\\boxed{", "\\boxed{1} ",
    "\\frac{1}{", "\\sqrt{", "2^", "1,", "1 and ", "x=", "x<", "A: ", "(A) ", "<think>", "</think>",
    "Therefore, ", "a. ", "9", "-", "5 feet ", "<tool_call>", "<function=f>", "\ud800", "\x00", "\u202e",
    "\\text{", "\\left(", "1:", "٣", "½", "²", " *", ". *", "answer ", "Option: ", "the answer ", ", no, ",
    "[BEGIN ANSWER] ", "Finish[", "if the answer is ", "not 5, it is ", " or 5 (", "<|channel|>", "km per ",
]  # fmt: skip
LIMIT_S = 2.0
"""Far above what is needed: test machines are shared."""


@pytest.mark.parametrize("unit", UNITS, ids=repr)
@pytest.mark.parametrize(
    "around", ["{}", "\\boxed{{{}}}", "The answer is {}", "<answer>{}</answer>"]
)
def test_what_repeats_itself_is_read_in_bounded_time(unit: str, around: str) -> None:
    text = around.format(unit * (MAX_PLAIN // len(unit)))
    for extract in READERS:
        started = time.process_time()
        read(text, AnswerSpec(extract))  # type: ignore[arg-type]
        assert time.process_time() - started < LIMIT_S


def test_what_random_pieces_repeat_is_read_in_bounded_time() -> None:
    """An expression that backtracks shows on a few dozen repeats."""
    draw = random.Random(0)
    for _ in range(250):
        unit = "".join(draw.choices([*UNITS, "option ", "the ", ":", "."], k=3))
        text = f"{draw.choice(['', 'The answer is ', '<answer>', '1'])}{unit * 40}x"
        started = time.process_time()
        kind_of(text)
        for extract in READERS:
            read(text, AnswerSpec(extract))  # type: ignore[arg-type]
        assert time.process_time() - started < LIMIT_S, unit


@pytest.mark.parametrize(
    "answer",
    [
        "9" * 100_000, "9^{9^{9^9}}", "(10^9)!", "((2000!)!)!", r"\binom{10^9}{10^8}", "2^{10^{10}}",
        r"\tan(10^{10^{10}})", "1e999999999", "0.(" + "3" * 4000 + ")", "{" * 100_000,
        "(" * 3000 + "1" + ")" * 3000,
        r"\sum_{n=1}^{100}\sum_{m=1}^{100} nm", r"\log_{2^5}(\log_{2^4}(2^{2^{64}}))", "1/0", r"\frac{0}{0}",
        "0^{-1}", r"\ln 0", r"\sqrt[0]{2}", "|" * 500, "x_{" * 300, "\ud800", "\x00", "",
    ],
    ids=lambda a: a[:20],
)  # fmt: skip
def test_what_would_explode_has_a_form_at_once(answer: str) -> None:
    started = time.process_time()
    assert same(kind_of(answer), kind_of(answer))
    assert not same(kind_of(answer), kind_of("7"))
    assert time.process_time() - started < LIMIT_S


@pytest.mark.parametrize("cut", ["\\", "\\{351", "{3", "\\frac{1", "...", "[answer]", "\\boxed"])
@pytest.mark.parametrize("around", ["The answer is {}", "Answer: {}", "So we have \\boxed{{{}}}."])
def test_fragments_are_no_answers(cut: str, around: str) -> None:
    """What is left where a stop string such as "boxed" has ended a reply."""
    assert read(around.format(cut), AnswerSpec()).answer is None
