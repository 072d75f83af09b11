"""Users' regular expressions, matched by RE2: one match takes time linear in the text.

https://github.com/google/re2/wiki/Syntax. ``finditer`` over a text is quadratic at worst, so it still
runs where it can be killed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

MAX_PROGRAM = 1 << 20
"""Bytes of a compiled expression: ``((a{100}){100}){100}`` is refused, not built."""
SYNTAX = "RE2 syntax: no look-around, no back-references, no possessive quantifiers; \\z for \\Z"


@lru_cache(maxsize=128)
def compiled(pattern: str) -> Any:
    """The RE2 expression. Raises ``ValueError`` saying what RE2 does not take."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_PROGRAM
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{said} ({SYNTAX})") from error
    except UnicodeEncodeError as error:
        raise ValueError("it holds half a surrogate pair") from error


def last_match(pattern: str, text: str) -> str | None:
    """Group 1 of the last match, or all of it; matches that hold nothing are passed over.

    Raises ``ValueError`` for a pattern that RE2 does not take.
    """
    expression = compiled(pattern)
    group = 1 if expression.groups else 0
    answer = None
    for match in expression.finditer(text.encode("utf-8", "replace").decode()):
        answer = (match.group(group) or "").strip() or answer
    return answer
