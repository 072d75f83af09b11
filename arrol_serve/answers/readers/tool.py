"""``tool``: the tool calls, in the forms of Hermes, Llama, Mistral, Qwen and OpenAI, and as Python.

Name, then arguments with sorted keys. Calls made at once have no order: they are sorted.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from arrol_serve.answers.jsonish import canonical, load, values
from arrol_serve.answers.readers.found import Found, nothing

_TAG = re.compile(r"<tool_calls?>(.*?)(?:</tool_calls?>|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"<function=(?P<name>[\w.-]+)>(?P<body>.*?)</function>", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=(?P<name>[\w.-]+)>\s*(?P<value>.*?)\s*</parameter>", re.DOTALL)
_PYTHONIC = re.compile(r"\[\s*[A-Za-z_][\w.]*\(.*\)\s*\]", re.DOTALL)
MAX_PYTHON = 4000


def read(text: str) -> Found:
    calls = sorted(_all(text))
    if not calls:
        return nothing("no tool call")
    if len(calls) == 1:
        return Found(calls[0], "a tool call")
    return Found(f"[{','.join(calls)}]", f"{len(calls)} tool calls")


def _all(text: str) -> list[str]:
    written = [_written(found) for found in _FUNCTION.finditer(text)]
    if written:
        return written
    tagged = [value for block in _TAG.findall(text) for value in values(block)]
    calls = [call for value in tagged or values(text) for call in _calls(value)]
    return calls or list(_python(text.strip()))


def _call(name: str, arguments: Any) -> str:
    return f'{{"name":{canonical(name)},"arguments":{canonical(arguments)}}}'


def _written(found: re.Match[str]) -> str:
    parameters = list(_PARAMETER.finditer(found["body"]))
    if not parameters:
        value = load(found["body"])
        return _call(found["name"], value if isinstance(value, dict) else {})
    arguments = {
        p["name"]: p["value"] if (v := load(p["value"])) is None else v for p in parameters
    }
    return _call(found["name"], arguments)


def _calls(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _calls(item)
    elif isinstance(value, dict):
        if isinstance(value.get("tool_calls"), list):
            yield from _calls(value["tool_calls"])
            return
        inner = value["function"] if isinstance(value.get("function"), dict) else value
        arguments = inner.get("arguments", inner.get("parameters"))
        arguments = load(arguments) if isinstance(arguments, str) else arguments
        if isinstance(inner.get("name"), str) and isinstance(arguments, dict):
            yield _call(inner["name"], arguments)


def _python(text: str) -> Iterator[str]:
    """``[weather(city="Rome"), time(zone="CET")]``."""
    if len(text) > MAX_PYTHON or not _PYTHONIC.fullmatch(text):
        return
    try:
        calls = ast.parse(text, mode="eval").body.elts  # type: ignore[attr-defined]
        read = [
            _call(ast.unparse(c.func), {k.arg: ast.literal_eval(k.value) for k in c.keywords})
            for c in calls
            if not c.args
        ]
    except (SyntaxError, ValueError, TypeError, AttributeError, RecursionError, MemoryError):
        return
    if len(read) == len(calls):
        yield from read
