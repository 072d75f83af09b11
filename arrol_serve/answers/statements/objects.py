"""Replies that are JSON, or end in it, with a key that says "answer"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from arrol_serve.answers.jsonish import canonical, load, said, values, whole
from arrol_serve.answers.statements.ends import ends
from arrol_serve.answers.statements.statement import Statement, Trust
from arrol_serve.answers.statements.vocabulary import JSON_KEYS

_KEYS = "|".join(re.escape(key) for key in JSON_KEYS[:7])
_ECHO = re.compile(
    rf"[\"'“](?P<key>{_KEYS})[\"'”]\s*[:：]\s*(?:[\"'](?P=key)[\"']\s*:\s*)?(?P<value>\"(?:[^\"\\]"
    rf"|\\.){{0,2000}}\"|'[^'\n]{{0,400}}'|\[[^\[\]\n]{{0,400}}\]|[^\s,}}\"][^,}}\n\"`]{{0,200}})",
    re.IGNORECASE,
)


def find(text: str) -> Iterator[Statement]:
    value = whole(text)
    if isinstance(value, dict):
        yield from _from(value, 0, len(text))
        return
    if '"' not in text or "{" not in text:
        return
    for value in values(text):
        if isinstance(value, dict):
            yield from _from(value, 0, len(text), JSON_KEYS[:7])


def echo(text: str) -> Iterator[Statement]:
    """Keys of JSON that cannot be read, or is no JSON: ``"answer": "48"``."""
    for found in ends(_ECHO.finditer(text)):
        raw = found["value"].strip()
        value = load(raw) if raw[:1] in '"[' else raw.strip("'")
        answer = said(value)
        if answer is not None:
            source = f'key "{found["key"]}"'
            yield Statement(found.start(), found.end(), answer, source, Trust.MARKED)


def _from(
    value: dict[str, Any], start: int, end: int, names: Sequence[str] = JSON_KEYS
) -> Iterator[Statement]:
    keys = {str(key).casefold().strip(): key for key in value}
    for name in names:
        if name in keys:
            answer = _answer(value[keys[name]])
            if answer is not None:
                yield Statement(start, end, answer, f'key "{keys[name]}" of JSON', Trust.MARKED)
                return


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
