r"""JSON as models write it: in prose and fences, with LaTeX's backslashes and raw line breaks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

MAX_TEXT = 100_000
MAX_TRIES = 60
"""Brackets that are tried as the beginning of a value: a text may hold nothing else."""
_FENCE = re.compile(r"```(?:json\w*|JSON)?[ \t]*\n?(.*?)```", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_ESCAPE = re.compile(r'\\(["\\/]|u[0-9a-fA-F]{4}|[bfnrt](?![a-z])|.)', re.DOTALL)
_VALID = re.compile(r'["\\/]|u[0-9a-fA-F]{4}')
_LATEX = re.compile(
    "[\b\f\t\r\n](?=(?:oxed|inom|ar|egin|eta|rac|box|imes|ext|heta|an|au|riangle|ight|ho|angle|eq|u|abla"
    "|mid|ot|e)(?![a-z])|(?:ext|frac|rac|box|oxed)[a-z{])"
)
_COMMANDS = {"\b": "\\b", "\f": "\\f", "\t": "\\t", "\r": "\\r", "\n": "\\n"}


def load(text: str) -> Any:
    """The JSON value, or None. Raw line breaks in strings and LaTeX's backslashes are let pass."""
    text = text.strip()
    if not text or len(text) > MAX_TEXT:
        return None
    for attempt in (text, _escaped(text)):
        try:
            return _mended(json.loads(attempt, strict=False, parse_constant=lambda _: None))
        except (ValueError, RecursionError):
            if "\\" not in text or text[0] not in '{["':
                return None
    return None


def _escaped(text: str) -> str:
    r"""``\(`` and ``\frac`` as JSON would have them, ``\n`` and ``\"`` as they are."""
    return _ESCAPE.sub(
        lambda m: m[0] if _VALID.fullmatch(m[1]) or m[1] in "bfnrt" else "\\\\" + m[1], text
    )


def _mended(value: Any) -> Any:
    r"""``\frac`` was read as a form feed and "rac"."""
    if isinstance(value, str):
        return _LATEX.sub(lambda m: _COMMANDS[m[0]], value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value


@lru_cache(maxsize=8)
def whole(text: str) -> Any:
    """The value that the reply is, in a fence or not; None: it is no JSON."""
    stripped = text.strip()
    fences = _FENCE.findall(stripped) if stripped.startswith("```") else []
    return load(fences[0] if len(fences) == 1 and stripped.endswith("```") else stripped)


def values(text: str) -> Iterator[Any]:
    """Objects and arrays of ``text`` in their order; fenced ones alone where there are any."""
    for value, _ in placed(text):
        yield value


def placed(text: str) -> Iterator[tuple[Any, int]]:
    """The same, each with where it ends; about where, if the text had to be mended."""
    fenced = [
        (value, block.end())
        for block in _FENCE.finditer(text)
        if isinstance(value := load(block[1]), dict | list)
    ]
    if fenced:
        yield from fenced
        return
    decoder = json.JSONDecoder(strict=False)
    for source in (text, _escaped(text)):
        found = list(_scanned(source, decoder))
        if found:
            yield from found
            return
        if "\\" not in text:
            return


def _scanned(text: str, decoder: json.JSONDecoder) -> Iterator[tuple[Any, int]]:
    at, tries = 0, 0
    while (opening := _OPENING.search(text, at)) and tries < MAX_TRIES:
        try:
            value, at = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            at, tries = opening.end(), tries + 1
            continue
        yield _mended(value), at


def canonical(value: Any) -> str:
    """Sorted keys, no spaces, 2.0 as 2."""
    return json.dumps(
        _whole_numbers(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _whole_numbers(item) for key, item in value.items()}
    return value


def said(value: Any) -> str | None:
    """A JSON value as an answer: strings as they are; null and "" are none."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    try:
        return canonical(value)
    except (ValueError, RecursionError):
        return None
