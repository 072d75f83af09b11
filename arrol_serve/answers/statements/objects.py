"""Replies that are JSON, or end in it, with a key that says "answer"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from arrol_serve.answers.ends import ends
from arrol_serve.answers.jsonish import canonical, load, placed, said, whole
from arrol_serve.answers.statements.statement import Statement, Trust
from arrol_serve.answers.statements.vocabulary import (
    ANSWER_KEYS,
    OTHER_KEYS,
    is_answer_key,
    is_other_key,
)

_KEYS = "|".join(ANSWER_KEYS)
_ECHO = re.compile(
    rf"[\"'“](?P<key>{_KEYS})[\"'”]\s*[:：]\s*(?:[\"'](?P=key)[\"']\s*:\s*)?(?P<value>\"(?:[^\"\\]"
    rf"|\\.){{0,2000}}\"|'[^'\n]{{0,400}}'|\[[^\[\]\n]{{0,400}}\]|\{{[^{{}}\n]{{0,400}}\}}"
    rf"|[^\s,}}\"{{][^,}}\n\"`]{{0,200}})",
    re.IGNORECASE,
)
_ANY_KEY = re.compile(
    r'"[^"\n]{0,20}(?:answer|final|solution|result|action)[^"\n]{0,20}"\s*:', re.IGNORECASE
)
_WORDS = {"true": True, "false": False, "null": None, "none": None}


def find(text: str) -> Iterator[Statement]:
    value = whole(text)
    if value is not None:
        yield from _from(_single(value), 0, len(text))
        return
    if "{" not in text or not _ANY_KEY.search(text):
        return
    for value, end in placed(text):
        end = min(end, len(text))
        yield from _from(_single(value), end, end, others=False)


def _single(value: Any) -> Any:
    """``[{...}]`` is what it holds."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def echo(text: str) -> Iterator[Statement]:
    """Keys of JSON that cannot be read, or is no JSON: ``"answer": "48"``."""
    for found in ends(_ECHO.finditer(text)):
        answer = _answer(_loose(found["value"].strip()))
        if answer is not None:
            source = f'key "{found["key"]}"'
            yield Statement(found.start(), found.end(), answer, source, Trust.MARKED)


def _loose(raw: str) -> Any:
    """A value of JSON, or of Python."""
    if raw.casefold() in _WORDS:
        return _WORDS[raw.casefold()]
    value = load(raw) if raw[:1] in '"[{' else None
    if value is None and raw[:1] in "[{":
        value = load(raw.replace("'", '"'))
    return raw.strip("'“”") if value is None else value


def _from(value: Any, start: int, end: int, others: bool = True) -> Iterator[Statement]:
    """``others``: keys such as "result", which say so only where nothing but JSON is there."""
    if not isinstance(value, dict):
        return
    if str(value.get("action", "")).casefold().replace("_", " ") == "final answer":
        value = {"answer": value.get("action_input")}
    keys = {re.sub(r"[\s_-]+", "_", str(key).casefold().strip()): key for key in value}
    named = [name for name in ANSWER_KEYS if name in keys]
    named += [name for name in keys if name not in named and is_answer_key(name)]
    named += [
        name for name in (*OTHER_KEYS, *keys) if others and name in keys and is_other_key(name)
    ]
    for name in named:
        answer = _answer(value[keys[name]])
        if answer is not None:
            yield Statement(start, end, answer, f'key "{keys[name]}" of JSON', Trust.MARKED)
            return


def says_nothing(value: Any) -> bool:
    """JSON whose answer is null or empty."""
    value = _single(value)
    return isinstance(value, dict) and any(is_answer_key(str(key).casefold()) for key in value)


def _answer(value: Any) -> str | None:
    """Strings and numbers as they are, lists of plain values between commas, one level of nesting."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and value and all(isinstance(v, str | int | float) for v in value):
        return (
            ", ".join(map(str, value))
            if not any(isinstance(v, str) and "," in v for v in value)
            else canonical(value)
        )
    if isinstance(value, dict):
        inner = next(iter(_from(value, 0, 0)), None)
        return inner.text if inner else canonical(value)
    return said(value)
