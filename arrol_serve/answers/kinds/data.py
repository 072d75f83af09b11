"""JSON, tool calls and code: data, whose strings are compared letter by letter."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

from arrol_serve.answers.jsonish import canonical, load
from arrol_serve.answers.kinds.form import Form, Key
from arrol_serve.answers.kinds.words import spelt
from arrol_serve.answers.python_text import BROKEN, literal, parsed

MAX_CODE = 20_000
MAX_LITERAL = 1_000


def read(answer: str) -> Form | None:
    """An object or an array with strings in it: ``[0, 1]`` may be an interval."""
    text = answer.strip()
    if text[:1] not in ("{", "[") or not ('"' in text or "'" in text):
        return None
    value = load(text) if '"' in text else _literal(text)
    if not isinstance(value, dict | list):
        return None
    shown = canonical(value)
    also: tuple[Key, ...] = ()
    if isinstance(value, list) and len(value) > 1 and all(isinstance(v, str) for v in value):
        also = (("list", *(spelt(v).own for v in value)),)
    return Form("json", ("json", shown), shown, also)


def _literal(text: str) -> Any:
    """A list or a dictionary of Python."""
    if len(text) > MAX_LITERAL:
        return None
    try:
        value = literal(text)
        canonical(value)
    except BROKEN:
        return None
    return value


def code(answer: str) -> Form:
    """Python by its syntax tree, so that spacing, quotes and comments do not count; else by its lines."""
    text = textwrap.dedent(answer).strip("\n")
    shown = "\n".join(line.rstrip() for line in text.splitlines()).strip()
    return Form("code", ("code", _python(shown) or shown), shown)


def _python(text: str) -> str | None:
    if len(text) > MAX_CODE:
        return None
    try:
        return ast.dump(parsed(text))
    except BROKEN:
        return None
