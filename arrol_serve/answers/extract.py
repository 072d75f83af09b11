"""Text to answer. Pure; user regexes can run for ever, so run this where it can be killed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from arrol_serve.answers.spec import AnswerSpec

NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?(?:/\d+)?\s?%?|-?\.\d+")
PHRASE = re.compile(r"(?:(?:final\s+)?answer(?:\s+is|\s*:|\s*=)|####)\s*:?\s*(.+)", re.IGNORECASE)
CHOICE_STATED = re.compile(
    r"(?:answer|choice|option)\b(?:\s+is)?\s*:?\s*[*(\[]*([A-J])\b(?!\s+[a-z])|\(([A-J])\)|\*\*([A-J])\*\*",
)
CHOICE_ALONE = re.compile(r"^\W*([A-J])\W*$")
FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)
TOOL_TAG = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)


def extract(text: str, spec: AnswerSpec) -> str | None:
    """The answer that ``text`` settles on, or None. Whatever comes first, the last one counts."""
    settled = without_reasoning(text)
    if settled is None:
        return None
    if spec.extract == "regex":
        return _regex(settled, spec.regex or "")
    if spec.extract == "json":
        return _json(settled, spec.json_pointer)
    return EXTRACTORS[spec.extract](settled)


def without_reasoning(text: str) -> str | None:
    """What follows the last ``</think>``; None while the reasoning is still open."""
    head, closed, tail = text.rpartition("</think>")
    if closed:
        return tail
    return None if "<think>" in head + tail else text


def boxed(text: str) -> str | None:
    r"""The content of the last ``\boxed{...}`` (braces balanced) or ``\boxed 5``; None if empty."""
    start = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    if start < 0:
        return None
    rest = text[start:].split("box", 1)[1].removeprefix("ed")
    if not rest.lstrip().startswith("{"):
        bare = re.match(r"\s*([^\s$.,;]+)", rest)
        return bare.group(1) if bare else None
    rest = rest.lstrip()
    depth = 0
    for at, char in enumerate(rest):
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return rest[1:at].strip() or None
    return None


def phrase(text: str) -> str | None:
    """What follows the last "The answer is", "Answer:" or "####", to the end of its sentence."""
    found = PHRASE.findall(text)
    if not found:
        return None
    said = found[-1].strip()
    if said.startswith("$") and "$" in said[1:]:
        return said[1 : said.index("$", 1)].strip() or None
    said = re.split(r"\.\s|\.$|;|,\s(?=[a-z])", said, maxsplit=1)[0]
    return said.strip(" *`\"'$") or None


def number(text: str) -> str | None:
    """The last number of the box, else of the answer phrase, else of the text."""
    for where in (boxed(text), phrase(text), text):
        found = NUMBER.findall(where) if where else []
        if found:
            return str(found[-1]).replace(",", "").replace("$", "").replace(" ", "")
    return None


def choice(text: str) -> str | None:
    """The last stated choice letter A to J. The article of "A quick check" is not one."""
    inside = boxed(text)
    if inside is not None:
        letter = re.match(r"(?:\\text\w*\{)?\(?([A-J])\b", inside)
        if letter:
            return letter.group(1)
    stated = [next(filter(None, groups)) for groups in CHOICE_STATED.findall(text)]
    if stated:
        return str(stated[-1])
    lines = [line for line in text.splitlines() if line.strip()]
    alone = CHOICE_ALONE.match(lines[-1].strip()) if lines else None
    return alone.group(1) if alone else None


def _regex(text: str, pattern: str) -> str | None:
    last = None
    for last in re.finditer(pattern, text):  # noqa: B007  # the last match is what counts
        pass
    if last is None:
        return None
    return last.group(1 if last.re.groups else 0) or None


def _json(text: str, pointer: str | None) -> str | None:
    values = list(json_values(text))
    if not values:
        return None
    value = values[-1]
    for part in (pointer or "").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value if isinstance(value, str) else canonical(value)


def canonical(value: Any) -> str:
    """JSON with sorted keys: equal values give equal strings."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def json_values(text: str) -> Iterator[Any]:
    """JSON objects and arrays in fences, else bare in the text, in order."""
    fenced = [value for block in FENCE.findall(text) if (value := _load(block)) is not None]
    if fenced:
        yield from fenced
        return
    decoder, at = json.JSONDecoder(), 0
    while (start := _next_opening(text, at)) >= 0:
        try:
            value, at = decoder.raw_decode(text, start)
            yield value
        except (ValueError, RecursionError):
            at = start + 1


def _next_opening(text: str, at: int) -> int:
    places = [p for p in (text.find("{", at), text.find("[", at)) if p >= 0]
    return min(places, default=-1)


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def tool(text: str) -> str | None:
    """Tool calls in canonical form: names, then arguments with sorted keys."""
    tagged = [value for block in TOOL_TAG.findall(text) if (value := _load(block)) is not None]
    calls = [call for value in tagged or list(json_values(text)) for call in _calls(value)]
    return canonical(calls) if calls else None


def _calls(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _calls(item)
    elif isinstance(value, dict):
        inner = value.get("function", value)
        if isinstance(inner, dict) and isinstance(inner.get("name"), str):
            arguments = inner.get("arguments", inner.get("parameters"))
            if isinstance(arguments, str):
                arguments = _load(arguments) or arguments
            if arguments is not None:
                yield [inner["name"], arguments]


def auto(text: str) -> str | None:
    """Box, answer phrase, tool call, or the whole reply if it is JSON. Free text has no answer."""
    for reader in (boxed, phrase, tool):
        found = reader(text)
        if found is not None:
            return found
    whole = _load(text.strip())
    return canonical(whole) if isinstance(whole, dict | list) else None


EXTRACTORS: dict[str, Callable[[str], str | None]] = {
    "auto": auto,
    "boxed": boxed,
    "number": number,
    "choice": choice,
    "tool": tool,
}
