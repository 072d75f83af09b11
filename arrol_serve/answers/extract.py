"""Text to answer. Pure; long texts can take seconds, so run this where it can be killed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from arrol_serve.answers.pattern import last_match
from arrol_serve.answers.spec import AnswerSpec

_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # an escaped brace is one of the content's
_ANCHOR = re.compile(
    r"\banswer(?:\s+to\b[^\n.:]{0,80}?)?[*_]*\s*(?:\bis\b|:|=)[*_]*[ \t]*:?\s*"
    r"|^#{1,6}[ *_]*(?:final[ ]+)?answer[*_ ]*\n\s*",
    re.IGNORECASE | re.MULTILINE,
)
_HASHES = re.compile(r"^####[ \t]+(\S.*)$", re.MULTILINE)
_MATH = re.compile(
    r"\$\$(.+?)\$\$|\\\((.+?)\\\)|\\\[(.+?)\\\]|\$([^$\n]+)\$(?![^\n]*\$)", re.DOTALL
)
_SENTENCE_END = re.compile(
    r"\n|\.(?=\s|$)|;\s|,\s(?=[a-z]{2})|\s(?:because|since|which|where|so|as)\b", re.IGNORECASE
)
_REMARK = re.compile(  # "our answer is correct" states none
    r"(?:(?:in)?correct|right|wrong|(?:in)?valid|(?:in)?consistent|reasonable|verified|confirmed"
    r"|not|un\w+|the same|therefore|thus|indeed)\b",
    re.IGNORECASE,
)
_FRACTION = r"\\[dt]?frac\s*(?:\{-?\d+\}\s*\{\d+\}|\d\d)"
_NUMBER = re.compile(
    r"(?:(?<![A-Za-z0-9_)\]}.])-)?(?<![A-Za-z0-9_.\\])\\?\$?"
    rf"(?:{_FRACTION}|\d+[ ]\d+/\d+|\d{{1,3}}(?:,\d{{3}})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:[eE][-+]?\d+)?(?:/\d+)?(?:\s?(?:\\?%|percent\b))?"
)
_LETTER = re.compile(
    r"[\s*_`'\"$([{]*(?:\\(?:text\w*|math\w+)\{)?(?:(?:option|choice)\s+)?[\s*(]*"
    r"(?-i:([A-J]))(?![A-Za-z0-9'_^])",
    re.IGNORECASE,
)
_PROSE = re.compile(r"\s+(?!(?:because|since|as|and|or|is|with|for|given|due|which|so|but)\b)[a-z]")
_LETTER_LINE = re.compile(r"\W*([A-J])\W*|\(?([A-J])[).:]\s.*")
_LETTER_MARKED = re.compile(
    r"\(([A-J])\)|\*\*\(?([A-J])\)?[.:]?\*\*|\b(?:[Oo]ption|[Cc]hoice)\s+\(?([A-J])\b"
)
_FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)
_TOOL_TAG = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_OPENING = re.compile(r"[{\[]")


def extract(text: str, spec: AnswerSpec) -> str | None:
    """The answer that ``text`` settles on, or None. Where several are stated the last counts."""
    settled = without_reasoning(text)
    if settled is None:
        return None
    if spec.extract == "regex":
        answer = last_match(spec.regex or "", settled)
    elif spec.extract == "json":
        answer = _json(settled, spec.json_pointer or "")
    else:
        answer = EXTRACTORS[spec.extract](settled)
    # JSON can spell half a surrogate pair, which no response could carry.
    return answer and answer.encode("utf-8", "replace").decode()


def without_reasoning(text: str) -> str | None:
    """The text without its ``<think>`` blocks; None while one is open. Takes linear time."""
    kept: list[str] = []
    *blocks, tail = text.split("</think>")
    for block in blocks:
        before, opened, _ = block.partition("<think>")
        kept = [*kept, before] if opened else []  # not opened: the chat template had done it
    return None if "<think>" in tail else "".join((*kept, tail))


def boxed(text: str) -> str | None:
    r"""The content of the last balanced ``\boxed{...}``, or of ``\boxed 5``; None if empty."""
    found = _last_box(text)
    return found[1] or None if found else None


def _last_box(text: str) -> tuple[int, str] | None:
    for box in reversed(list(_BOX.finditer(text))):
        if text[box.end() : box.end() + 1] == "{":
            content = _braced(text, box.end())
        else:
            content = re.split(r"[\s$]", text[box.end() :], maxsplit=1)[0].rstrip(".,;")
        if content is not None:
            return box.start(), content.strip()
    return None


def _braced(text: str, opening: int) -> str | None:
    depth = 0
    for brace in _BRACE.finditer(text, opening):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return text[opening + 1 : brace.start()]
    return None


def phrase(text: str) -> str | None:
    """What follows the last "The answer is", "Answer:" or "#### ", to the end of its sentence.

    "####" is a heading in Markdown: it counts on the last line, or with nothing but a number.
    """
    for at in reversed(_statements(text)):
        stated = _statement(text[at:])
        if stated is not None:
            return stated
    return None


def _statements(text: str) -> list[int]:
    """Where the answers that ``text`` states begin, in order."""
    starts = [anchor.end() for anchor in _ANCHOR.finditer(text)]
    starts += [
        line.start(1)
        for line in _HASHES.finditer(text)
        if not text[line.end() :].strip() or _NUMBER.fullmatch(line.group(1).strip())
    ]
    return sorted(starts)


def _statement(text: str) -> str | None:
    display = _MATH.match(text)
    if display:
        said = next(filter(None, display.groups()))
    elif _REMARK.match(text):
        return None
    else:
        said = _SENTENCE_END.split(text, maxsplit=1)[0].replace("$", "")
    option = re.match(r"\(([A-J])\)(?:\s|$)", said)
    return option.group(1) if option else said.strip(" \t\n*`\"'!") or None


def number(text: str) -> str | None:
    """The last number of the box, else of the answer phrase, else of the text."""
    for where in (boxed(text), phrase(text), text):
        found = _NUMBER.findall((where or "").replace("\N{MINUS SIGN}", "-"))
        if found:
            return _plain_number(found[-1])
    return None


def _plain_number(found: str) -> str:
    r"""``$1,234`` as 1234, ``\frac{1}{2}`` as 1/2, ``50 \%`` as 50%."""
    text = re.sub(r"\\[dt]?frac\s*\{?(-?\d+?)\}?\s*\{?(\d+)\}?", r"\1/\2", found)
    text = re.sub(r"\s?(?:\\?%|percent)", "%", text)
    return text.replace(",", "").replace("$", "").replace("\\", "")


def choice(text: str) -> str | None:
    """The last stated choice letter A to J. The article of "A quick check" is not one.

    A box, an answer phrase and a last line that is a letter outrank letters marked in passing.
    """
    stated = [(at, _letter_at(text, at)) for at in _statements(text)]
    box = _last_box(text)
    if box:
        stated.append((box[0], _letter_at(box[1], 0)))
    *_, last_line = [line for line in text.splitlines() if line.strip()] or [""]
    alone = _LETTER_LINE.fullmatch(last_line.strip())
    if alone:
        stated.append((len(text), alone.group(1) or alone.group(2)))
    letters = [letter for _, letter in sorted(stated, key=lambda s: s[0]) if letter]
    letters = letters or [next(filter(None, groups)) for groups in _LETTER_MARKED.findall(text)]
    return letters[-1] if letters else None


def _letter_at(text: str, at: int) -> str | None:
    found = _LETTER.match(text, at)
    if not found or (found.group(1) in "AI" and _PROSE.match(text, found.end())):
        return None
    return found.group(1)


def _json(text: str, pointer: str) -> str | None:
    value = _whole(text)
    if value is None:
        *_, value = [None, *json_values(text)]
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return None
    return _said(value)


def _said(value: Any) -> str | None:
    """A JSON value as an answer: strings as they are; null and "" are none."""
    if isinstance(value, str):
        return value.strip() or None
    return None if value is None else canonical(value)


def canonical(value: Any) -> str:
    """JSON with sorted keys: equal values give equal strings."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _float(literal: str) -> float | int:
    value = float(literal)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value  # 1.0 is 1


_DECODER = json.JSONDecoder(parse_float=_float)


def json_values(text: str) -> Iterator[Any]:
    """The JSON objects and arrays in the text, fenced or bare, in order."""
    at = 0
    while opening := _OPENING.search(text, at):
        try:
            value, at = _DECODER.raw_decode(text, opening.start())
            yield value
        except (ValueError, RecursionError):
            at = opening.end()


def _whole(text: str) -> Any:
    """The value of a text, or of its only fence, that is nothing but JSON; else None."""
    fence = _FENCE.fullmatch(text.strip())
    return load(fence.group(1) if fence else text)


def load(text: str) -> Any:
    """The JSON value that ``text`` is, or None."""
    try:
        return _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return None


def tool(text: str) -> str | None:
    """The tool calls, as one object or an array: name, then arguments with sorted keys."""
    tagged = [value for block in _TOOL_TAG.findall(text) for value in json_values(block)]
    calls = [call for value in tagged or json_values(text) for call in _calls(value)]
    return None if not calls else calls[0] if len(calls) == 1 else f"[{','.join(calls)}]"


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
            yield f'{{"name":{canonical(inner["name"])},"arguments":{canonical(arguments)}}}'


def auto(text: str) -> str | None:
    """Box, answer phrase, tool call, or the whole reply if it is JSON. Free text has no answer."""
    found, whole = boxed(text), _whole(text)
    if found is None and not isinstance(whole, dict | list):
        found = phrase(_TOOL_TAG.sub("", text))  # what a call says is an argument, not an answer
    return found or tool(text) or _said(whole)


EXTRACTORS: dict[str, Callable[[str], str | None]] = {
    "auto": auto,
    "boxed": boxed,
    "number": number,
    "choice": choice,
    "tool": tool,
}
