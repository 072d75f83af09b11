"""Calls written as Python: ``[weather(city="Rome"), time(zone="CET")]``, or one without brackets."""

from __future__ import annotations

import ast
import re
from typing import Any

from arrol_serve.answers.python_text import BROKEN, literal, parsed

_CALLS = re.compile(r"\[\s*[A-Za-z_][\w.]*\(.*\)\s*\]|[A-Za-z_][\w.]*\(.*\)", re.DOTALL)
_FENCE = re.compile(r"```(?:tool_code|python|tool_call)?[ \t]*\n(.*?)```", re.DOTALL)
MAX_PYTHON = 4000


def find(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Names and arguments; none where the text is anything else, or an argument has no name."""
    fence = _FENCE.fullmatch(text.strip())
    code = (fence[1] if fence else text).strip()
    if len(code) > MAX_PYTHON or not _CALLS.fullmatch(code):
        return _literal(code)
    try:
        body = parsed(code, "eval")
        calls = body.elts if isinstance(body, ast.List) else [body]
        return [_read(call) for call in calls]
    except BROKEN:
        return []


def _read(call: ast.expr) -> tuple[str, dict[str, Any]]:
    """Raises ``ValueError`` for anything but a call with named constants."""
    if not isinstance(call, ast.Call) or call.args:
        raise ValueError("no call with named arguments")
    if any(keyword.arg is None for keyword in call.keywords):
        raise ValueError("unpacked arguments")
    named = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    return ast.unparse(call.func), named


def _literal(code: str) -> list[tuple[str, dict[str, Any]]]:
    """JSON with Python's quotes."""
    if len(code) > MAX_PYTHON or not code.startswith(("{", "[")):
        return []
    try:
        value = literal(code)
    except BROKEN:
        return []
    calls = value if isinstance(value, list) else [value]
    keys = [(c.get("name"), c.get("arguments")) for c in calls if isinstance(c, dict)]
    return [(n, a) for n, a in keys if isinstance(n, str) and isinstance(a, dict)]
