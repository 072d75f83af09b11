"""How far a statement reaches: a fenced or quoted block, displayed mathematics, a sentence."""

from __future__ import annotations

import re

from arrol_serve.answers.statements.gist import is_loose
from arrol_serve.answers.statements.peel import peel

MAX_BLOCK = 1200
_BLANK = re.compile(r"[ \t]*\n\s*")
_BLOCKS = (
    re.compile(r"```[a-zA-Z]*[ \t]*\n?(.{1,2000}?)```", re.DOTALL),
    re.compile(r"\"\"\"\s*(.{1,2000}?)\s*\"\"\"", re.DOTALL),
    re.compile(r"'''\s*(.{1,2000}?)\s*'''", re.DOTALL),
    re.compile(r"\$\$(.{1,2000}?)\$\$", re.DOTALL),
    re.compile(r"\\\[(.{1,2000}?)\\\]", re.DOTALL),
    re.compile(r"\\\((.{1,600}?)\\\)(?=[\s.,;:!*]|$)", re.DOTALL),
    re.compile(r"\\begin\{(?:align|equation|gather)\*?\}(.{1,2000}?)\\end\{", re.DOTALL),
)
_END = re.compile(
    r"\s#{2,4}\s|(?<=[^\s.])\.(?=\s|$|[*_\"')]{1,3}(?:\s|$)|\\n|<)|[。！।۔።။៕]|(?<![\w{(\\])!(?=\s|$)"
    r"|[．｡](?=\s|$)|\s[—–]\s(?=[a-z]{2}|[A-Z][a-z'])"
    r"|(?<=[\w)%])!(?=\s*$|\s+[A-Z])|;\s(?=[A-Za-z]{2})"
    r"|,\s(?=(?!and\b|or\b|und\b)[a-z]{2})"
    r"|\s(?:because|since|which|where|so|as|given that|based on)\b|<eo[as]>|<\||</|\\n\\n",
    re.IGNORECASE,
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(*$])(?:[A-Z]|St|Mr|Mrs|Ms|Dr|Mt|Ft|Jr|Sr|No|vs|Rs|Prof|U\.S|approx|ca|e\.g|i\.e|Inc|Co"
    r"|Ltd|a\.m|p\.m|a|p)$"
)
_OPENS = re.compile(r"\W*(?:After|In|With|By|If|For|When|Since|At|On|As|Given|To|From|During)\b")
"""A clause that the answer follows."""
_INITIALS = re.compile(r"(?<=\b[A-Z])\.[ ][A-Z]\.[ ][A-Z][a-z]")
"""J. K. Rowling"""
_FOLLOWS = re.compile(r"\.[*\"')]{0,2}\s+[A-Z0-9a-z]")
_ASIDE = re.compile(
    r"(?:the|an?|its?|s?he|they|th[ai]s|these|there|who|with|for|not|but|in|on|at|of|to|by|from|we|you|is|are|was|has"
    r"|have|i\.e|e\.g|namely|meaning|making|giving|also|then|while|when|if|rounded|assuming|based|given|after|so|since|because|which|where|as|thus|hence"
    r"|therefore|leaving)\b|\S+\s+(?:is|are|was|were|has|have)\b",
    re.IGNORECASE,
)
_OPEN = "([{"
_BRACKETS = re.compile(r"[(\[{)\]}]")
_DOLLAR = re.compile(r"(?<!\\)\$")


def block_at(text: str, at: int) -> tuple[str, int]:
    """What is stated at ``at`` and where it ends; blank lines before it are passed over."""
    blank = _BLANK.match(text, at)
    at = blank.end() if blank else at
    for pattern in _BLOCKS:
        found = pattern.match(text, at)
        if found:
            return found[1], found.end()
    return sentence(text, at)


def sentence(text: str, at: int) -> tuple[str, int]:
    """From ``at`` to the end of the sentence; brackets and ``$...$`` are not cut apart."""
    end = text.find("\n", at, at + MAX_BLOCK)
    window = text[at : end if end >= 0 else at + MAX_BLOCK]
    inside: list[bool] | None = None
    for found in _END.finditer(window):
        stop = found.start()
        inside = _protected(window) if inside is None else inside
        if inside[stop] or (found[0] == "." and _abbreviates(window, stop)):
            continue
        if found[0][0] == "," and (_OPENS.match(window) or _goes_on(window, found)):
            continue
        return window[:stop], at + stop
    return window, at + len(window)


def _abbreviates(window: str, stop: int) -> bool:
    """``St. Louis`` goes on."""
    if _INITIALS.match(window, stop):
        return True
    return (
        bool(_ABBREVIATION.search(window, max(0, stop - 8), stop))
        and bool(_FOLLOWS.match(window, stop))
        and not _is_letter_alone(window[:stop])
    )


def _goes_on(window: str, comma: re.Match[str]) -> bool:
    """Whether words follow words, as in a list: "red, green" and "Paris, France", but not "Paris, the"."""
    return not _ASIDE.match(window, comma.end()) and is_loose(peel(window[: comma.start()]))


def _is_letter_alone(said: str) -> bool:
    """``The answer is C. That`` ends there."""
    return bool(re.fullmatch(r"[\s(*$\"']*[A-Z][)*$\"']*", said))


def _protected(line: str) -> list[bool]:
    """Per character: whether it is inside brackets or dollars that are closed again."""
    inside = [False] * (len(line) + 1)
    depth, opened = 0, 0
    for mark in _BRACKETS.finditer(line):
        if mark[0] in _OPEN:
            opened = opened if depth else mark.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                inside[opened : mark.start()] = [True] * (mark.start() - opened)
    marks = [found.start() for found in _DOLLAR.finditer(line)]
    for a, b in zip(marks[::2], marks[1::2], strict=False):
        inside[a:b] = [True] * (b - a)
    return inside
