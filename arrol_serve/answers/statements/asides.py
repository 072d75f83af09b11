"""What a reply picks or corrects in passing: "I choose (B)", "Wait, it's 46", "not 45; it is 46"."""

from __future__ import annotations

import re
from collections.abc import Iterator

import re2  # type: ignore[import-untyped]

from arrol_serve.answers.ends import ends
from arrol_serve.answers.statements.blocks import sentence
from arrol_serve.answers.statements.gist import is_loose
from arrol_serve.answers.statements.peel import peel
from arrol_serve.answers.statements.statement import Statement, Trust

_PASSING = re2.compile(
    r"\b((?:choose|pick|select|go with|opt for)(?: the)?"
    r"(?: option| choice| answer| letter)? [*(]{0,3}[A-Z])"
    r"|(?:^|[，,。：:\s]|选项)([A-H])(?:选项|选項|项|項)?是?(?:正确|正確|最合适|符合题意)"
    r"|\b(?:[Ww]ait|[Aa]ctually|[Cc]orrection|[Ss]orry|[Oo]ops|[Nn]o)\b[\s,.:;!—–-]{1,4}(?:no\b[\s,.]{0,2})?"
    r"(?:[Aa]ctually[\s,]{0,2})?(?:[Ii]t|[Tt]hat|[Tt]his)(?:'s|’s| is| should be| must be) "
    r"|\b(?:isn|wasn|not)(?:['’]t)? [^.,;\n]{1,40}[.,;] ?(?:but )?(?:[Ii]t['’]s|[Ii]t is) "
)
_CHOSEN = re.compile(r"[)*]{0,3}(?:[.,;:!]|\s*$|\s(?:because|since|as)\b)")
"""What follows a letter that is no word."""


def find(text: str, safe: str) -> Iterator[Statement]:
    """``safe``: the text without halves of surrogate pairs. One pass of RE2."""
    for found in ends(_PASSING.finditer(safe)):
        picked, chinese = found.end(1), found.start(2)
        if picked >= 0 and not _CHOSEN.match(text, picked):
            continue
        if chinese >= 0 and text[found.end() : found.end() + 1] == "的":
            continue
        at = picked - 1 if picked >= 0 else chinese if chinese >= 0 else found.end()
        said, end = sentence(text, at)
        if is_loose(peel(said)):
            continue
        trust = Trust.LINE if picked >= 0 or chinese >= 0 else Trust.STATED
        yield Statement(found.start(), end, said, f'"{text[found.start() : at].strip()}"', trust)
