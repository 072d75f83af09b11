"""Which kind an answer is: the first that can read it. To add one, write its module and list it here."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from arrol_serve.answers.kinds import (
    closed,
    data,
    dates,
    expression,
    family,
    letters,
    modular,
    number,
    quantity,
    ratio,
    relation,
    several,
    words,
)
from arrol_serve.answers.kinds.form import Form
from arrol_serve.answers.kinds.split import parts
from arrol_serve.answers.spelling import MAX_ANSWER, clean

_ABOUT = re.compile(r"(?<=[0-9]) (?:\(?approx(?:\.|imately)?\)?)$")
_PROSE = re.compile(r"(?<![^\W\d_])[^\W\d_]{4,}")
_FUNCTION = re.compile(
    r"(?<![A-Za-z])(?:(?:sqrt|cbrt|log|ln|exp|a?(?:rc)?(?:sin|cos|tan)|abs|floor|ceil)[ ]?[(0-9_]"
    r"|pi(?![A-Za-z]))"
)
"""Programs spell formulas without backslashes."""
_GIVEN = re.compile(r"\\in(?![A-Za-z])[ ]?\\mathbb|integer|\\begin\{(?:cases|array)\}")
_OTHER_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2}")
MAX_DEPTH = 6
"""Levels of parts within parts."""


@lru_cache(maxsize=8192)
def kind_of(answer: str) -> Form:
    """What ``answer`` is. Takes time linear in it; never raises."""
    if len(answer) > MAX_ANSWER:
        return words.spelt(answer)
    structured = data.read(answer)
    if structured is not None:
        return structured
    text = clean(answer)
    if not text:
        return Form("words", ("word", answer), answer)
    if len(text) > 120 and "\\" not in text and len(_PROSE.findall(text)) > 8:
        return words.spelt(text)
    return _read(_approximate(text), MAX_DEPTH)


def _approximate(text: str) -> str:
    for word in (
        "approximately ",
        "approx. ",
        "about ",
        "around ",
        "roughly ",
        r"\approx ",
        "~ ",
        "~",
        "≈ ",
    ):
        if text.casefold().startswith(word) and any(char.isdigit() for char in text):
            return text[len(word) :].strip()
    return _ABOUT.sub("", text)


def _read(text: str, depth: int) -> Form:
    quoted = _quoted(text)
    if quoted is not None:
        return words.spelt(quoted)
    for reader in _SIMPLE:
        form = reader(text)
        if form is not None:
            return form
    option = letters.with_text(text)
    if option is not None:
        letter, rest, others = option
        text_form = _read(rest, depth - 1) if depth and not others else None
        return letters.labelled(letter, text_form, others)
    if depth:
        for compound in _ordered(text):
            form = compound(text, lambda part: _read(part.strip(), depth - 1))
            if form is not None:
                return form
    bare = _unbraced(text)
    if bare is not None and depth:
        return _read(bare, depth - 1)
    formal = _FUNCTION.search(text) and not _OTHER_WORD.search(_FUNCTION.sub(" ", text))
    read = (expression.read, words.read) if formal else (words.read, expression.read)
    return read[0](text) or read[1](text) or expression.formula(text)


def _ordered(text: str) -> tuple[Callable[..., Form | None], ...]:
    """``x = 1 or x = 2`` is two answers, ``(x, y) = (1, 2)`` is one."""
    if _GIVEN.search(text):
        return family.read, several.read, relation.read
    if parts(text) is None:
        return modular.read, relation.read, several.read
    return several.read, relation.read


def _quoted(text: str) -> str | None:
    for mark in "\"'`":
        if len(text) > 2 and text[0] == text[-1] == mark and mark not in text[1:-1]:
            inner = text[1:-1].strip()
            return inner if not any(c.isdigit() for c in inner) else None
    return None


def _unbraced(text: str) -> str | None:
    """``(5)`` and ``{5}`` are 5."""
    if (
        len(text) > 2
        and text[0] in "({"
        and text[-1] in ")}"
        and text[1:-1].count("(") == text[1:-1].count(")")
    ):
        inner = text[1:-1]
        if not any(c in inner for c in "(){}"):
            return inner.strip()
    return None


_SIMPLE: tuple[Callable[[str], Form | None], ...] = (
    number.read,
    letters.read,
    words.yes_or_no,
    dates.read,
    ratio.read,
    quantity.read,
    closed.read,
)
