"""``tool``: the tool calls, in the forms of the common model families, and as Python.

Name, then arguments with sorted keys. Calls made at once have no order: they are sorted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from arrol_serve.answers.jsonish import canonical, load, values
from arrol_serve.answers.readers import python_calls
from arrol_serve.answers.readers.found import Found, nothing

_TAG = re.compile(r"<tool_calls?>(.*?)(?:</tool_calls?>|\Z)", re.DOTALL)
_WRITTEN = re.compile(
    r"<function=(?P<name>[\w.-]+)>(?P<body>.*?)</function>"
    r"|<invoke name=\"(?P<invoked>[\w.-]+)\">(?P<with>.*?)</invoke>",
    re.DOTALL,
)
_PARAMETER = re.compile(
    r"<parameter(?:=|[ ]name=\")(?P<name>[\w.-]+)\"?>\s*(?P<value>.*?)\s*</parameter>", re.DOTALL
)
_NAMED = re.compile(
    r"(?:\[TOOL_CALLS\]|\bAction:[ ]*)(?P<name>[A-Za-z_][\w.-]*)"
    r"\s*(?:\[ARGS\]|Action Input:)?\s*(?=\{)"
)
_KEYED = re.compile(
    r"<arg_key>\s*(?P<key>.*?)\s*</arg_key>\s*<arg_value>\s*(?P<value>.*?)\s*</arg_value>",
    re.DOTALL,
)
_NAMES = ("name", "function", "tool", "tool_name", "action")
_ARGUMENTS = ("arguments", "parameters", "args", "action_input", "tool_input", "input")


def read(text: str) -> Found:
    calls = sorted(_all(text))
    if not calls:
        return nothing("no tool call")
    if len(calls) == 1:
        return Found(calls[0], "a tool call")
    return Found(f"[{','.join(calls)}]", f"{len(calls)} tool calls")


def _all(text: str) -> list[str]:
    written = [_written(found) for found in _WRITTEN.finditer(text)] or list(_named(text))
    if written:
        return written
    blocks = _TAG.findall(text)
    tagged = [call for block in blocks for call in _in_tag(block)]
    calls = tagged or [call for value in values(text) for call in _calls(value)]
    return calls or [_call(*call) for call in python_calls.find(text)]


def _in_tag(block: str) -> list[str]:
    """JSON, Python, or GLM's keys and values."""
    calls = [call for value in values(block) for call in _calls(value)]
    if calls or not block.strip():
        return calls
    keyed = {found["key"]: _value(found["value"]) for found in _KEYED.finditer(block)}
    name = block.strip().split("\n")[0].split("<")[0].strip()
    if keyed and name:
        return [_call(name, keyed)]
    return [_call(*call) for call in python_calls.find(block)]


def _named(text: str) -> Iterator[str]:
    """Mistral's ``[TOOL_CALLS]name{...}``, and "Action: name" with its input."""
    for found in _NAMED.finditer(text):
        value = next(values(text[found.end() : found.end() + 20_000]), None)
        if isinstance(value, dict) and found["name"].casefold() != "final":
            yield _call(found["name"], value)


def _call(name: str, arguments: Any) -> str:
    return f'{{"name":{canonical(name)},"arguments":{canonical(arguments)}}}'


def _value(text: str) -> Any:
    return text if (value := load(text)) is None else value


def _written(found: re.Match[str]) -> str:
    name, body = found["name"] or found["invoked"], found["body"] or found["with"] or ""
    parameters = list(_PARAMETER.finditer(body))
    if not parameters:
        value = load(body)
        return _call(name, value if isinstance(value, dict) else {})
    return _call(name, {p["name"]: _value(p["value"]) for p in parameters})


def _calls(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _calls(item)
    elif isinstance(value, dict):
        if isinstance(value.get("tool_calls"), list):
            yield from _calls(value["tool_calls"])
            return
        inner = value["function"] if isinstance(value.get("function"), dict) else value
        name = next((inner[key] for key in _NAMES if isinstance(inner.get(key), str)), None)
        arguments = next((inner[key] for key in _ARGUMENTS if key in inner), None)
        arguments = load(arguments) if isinstance(arguments, str) else arguments
        if name is not None and isinstance(arguments, dict):
            yield _call(name, arguments)
