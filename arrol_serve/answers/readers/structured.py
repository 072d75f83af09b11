"""``json``: the last JSON value, or what a pointer finds in it (RFC 6901)."""

from __future__ import annotations

import re
from typing import Any

from arrol_serve.answers.jsonish import said, values, whole
from arrol_serve.answers.readers.found import Found, nothing
from arrol_serve.answers.statements import objects

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def read(text: str, pointer: str) -> Found:
    value = whole(text)
    if value is None:
        *_, value = [None, *values(text)]
    if value is None:
        return _by_key(text, pointer)
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return nothing(f"the JSON has no {pointer}")
    return _found(value, pointer)


def _found(value: Any, pointer: str) -> Found:
    answer = said(value)
    if answer is None:
        return nothing(f"the JSON holds nothing at {pointer or 'its top'}")
    return Found(answer, f"JSON at {pointer}" if pointer else "the last JSON value")


def _by_key(text: str, pointer: str) -> Found:
    """JSON that is broken elsewhere may still spell the key."""
    key = pointer.rpartition("/")[2].casefold()
    last = [s for s in objects.echo(text) if key and f'"{key}"' in s.source.casefold()]
    return Found(last[-1].text, f"{last[-1].source} of broken JSON") if last else nothing("no JSON")
