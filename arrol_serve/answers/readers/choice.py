"""``choice``: the letter or letters that are stated, A to Z."""

from __future__ import annotations

import re
from collections.abc import Iterator

from arrol_serve.answers.readers.found import Found, nothing
from arrol_serve.answers.statements import boxes, lines, objects, phrases, tags
from arrol_serve.answers.statements.peel import peel
from arrol_serve.answers.statements.spill import spills
from arrol_serve.answers.statements.statement import Statement, Trust

_ONE = r"[(（\[{]?[ ]?(?P<{0}>[A-Z])[ ]?[)）\]}}]?"
_SEVERAL = re.compile(
    r"[(（\[]?[A-Z][)）\]]?(?:(?:[ ]?[,、，;/&+][ ]?(?:and[ ])?|[ ](?:and|or|und|y|et)[ ]"
    r"|[ ]?[和与及與][ ]?)[(（\[]?[A-Z][)）\]]?){1,9}(?![A-Za-z])"
    r"|[A-H]{2,8}(?![A-Za-z0-9])|[(（][A-Z]{2,8}[)）]"
)
_LETTER = re.compile(
    r"[\s*_`'\"$“「\[({（【]*(?:\\(?:text\w*|math\w+|boxed)\{)*[(（]?(?:(?:the\s+)?(?:option|choice"
    r"|letter|answer|选项|选|most likely|probably|likely|definitely|clearly|therefore|thus)(?:\s*:\s*"
    r"|\s+)?){0,6}"
    r"[\s*$(（\[{\"']*(?P<letter>(?-i:[A-Z]))(?![A-Za-z0-9'’_^\[(]|\s*[=+*/^<>]|[ ]?-[ ]?\d)",
    re.IGNORECASE,
)
_LOWER = re.compile(
    r"[\s*_`'\"$]*[(（][ ]?(?P<letter>[a-z])[ ]?[)）]|[\s*_`'\"$]*(?P<alone>[b-z])[*_`'\"$]*[).]?\s*$"
)
_PROSE = re.compile(r"\s+(?!(?:because|since|as|and|or|is|with|for|given|due|which|so|but)\b)[a-z]")
_LINE = re.compile(
    r"\W*(?P<a>[A-Z])\W*|[*_]*\(?(?P<b>[A-Z])[).:：][*_]*\s.*|(?P<c>[A-H]{2,8})"
    r"|(?P<d>\([a-z]\)|(?:[Oo]ption|[Cc]hoice|[Ll]etter|[Ss]elect|[Cc]hoose|[Pp]ick)[ ]\(?[A-Za-z]\)?"
    r"|[b-hj-z])[).]?"
    r"|(?P<e>[A-Z])(?:选项|選項|项|項)[。.]?|(?P<f>[A-Z])[ ][-–—][ ]\S.*"
)
_MARKED = re.compile(
    r"[(（]([A-Z])[)）]|\*\*\(?([A-Z])\)?[.:]?\*\*|\b(?:[Oo]ption|[Cc]hoice)\s+\(?([A-Z])\b"
    r"|选项?\s*([A-Z])(?![a-z])|\b(?:pick|choose|select|go with)\s+\(?([A-Z])\b"
    r"|\b(?:[Ss]o|[Tt]hus|[Tt]herefore|[Hh]ence|[Ii]t'?s|[Ii]t is|letter)[, ]+\(?([A-Z])\)?[.\s]*$"
)
_FULL_WIDTH = {0xFF21 + i: 0x41 + i for i in range(26)}
_WITH_LETTER = re.compile(r"[(（]([A-Z])[)）]|\b(?:option|choice)\s+\(?([A-Z])\b", re.IGNORECASE)


def read(text: str) -> Found:
    text = text if text.isascii() else text.translate(_FULL_WIDTH)
    stated = sorted(_letters(text), key=lambda s: (s[0], s[1]))
    if stated:
        best = max(trust for trust, *_ in stated)
        _, _, letters, source = [s for s in stated if s[0] == best][-1]
        return Found(letters, source)
    if list(boxes.find(text)):
        return nothing("the box holds no letter")
    marked = [next(filter(None, groups)) for groups in _MARKED.findall(text)]
    return (
        Found(marked[-1], "the last letter marked in passing")
        if marked
        else nothing("no letter is stated")
    )


def _letters(text: str) -> Iterator[tuple[Trust, int, str, str]]:
    found: list[Statement] = [
        *objects.find(text),
        *tags.find(text),
        *boxes.find(text),
        *phrases.find(text),
    ]
    found += lines.find(text)
    end = _spill(text, found)
    for statement in found:
        letters = letters_of(statement.text)
        if letters is not None and statement.end <= end:
            trust = max(statement.trust, Trust.STATED)
            yield trust, statement.end, letters, statement.source
    *_, last = [line for line in text.splitlines() if line.strip()] or [""]
    alone = _LINE.fullmatch(last.strip())
    if alone and end == len(text):
        letter = next(filter(None, alone.groups())).rstrip(")").rpartition(" ")[2].lstrip("(")
        yield Trust.STATED, len(text), letter.upper(), "the last line"


def _spill(text: str, found: list[Statement]) -> int:
    for at in spills(text):
        if any(s.end <= at and letters_of(s.text) for s in found):
            return at
    return len(text)


def letters_of(said: str) -> str | None:
    r"""The letter or letters that a statement begins with: ``\textbf{(B)}\ 12``, ``A and C``."""
    inner = peel(
        re.sub(r"\\(?:text(?:bf|rm|it)?|math(?:bf|rm|it))\{([^{}]*)\}", r"\1", said).replace(
            "\\ ", " "
        )
    )
    several = _SEVERAL.match(inner)
    if several and not re.match(r"\s*[=+*/^<>]", inner[several.end() :]):
        ordered = "".join(re.findall(r"[A-Z]", several[0]))
        if len(set(ordered)) == len(ordered) and (
            not several[0].isalpha() or "".join(sorted(ordered)) == ordered
        ):
            return (
                several[0].strip("()（）[] ")
                if several[0].strip("()（）").isalpha()
                else several[0]
            )
    one = _LETTER.match(inner) or _LOWER.match(inner)
    if not one:
        if "=" in inner:
            return None
        later = [a or b for a, b in _WITH_LETTER.findall(inner)]
        return later[-1].upper() if len(set(later)) == 1 else None
    letter = (
        one["letter"]
        if "letter" in one.groupdict() and one["letter"]
        else one.groupdict().get("alone")
    )
    if letter is None or (letter in "AI" and _PROSE.match(inner, one.end())):
        return None
    return str(letter).upper()
