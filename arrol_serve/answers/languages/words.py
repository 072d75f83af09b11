"""The table's words, compiled: where a reply speaks of the answer, and what joins it to the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import re2  # type: ignore[import-untyped]

from arrol_serve.answers.ends import ends
from arrol_serve.answers.languages.table import LANGUAGES, UNSPACED, Language

Kind = Literal["answer", "option", "result"]
_ENGLISH, *_OTHERS = LANGUAGES
_BEHIND = 60
MAX_NOUNS = 16
"""Labels that are looked at, from either end of a text."""
_CHOICE = frozenset(["choice", "letter", "option"])
"""English qualifiers that may follow the noun."""


class Label(NamedTuple):
    """``the final answer``: from its first word to its last."""

    start: int
    end: int
    text: str
    kind: Kind
    english: bool
    final: bool
    """Whether a word such as "final" or "correct" stands with it."""


def _words(rows: Sequence[Language], field: str) -> list[str]:
    found = {w for row in rows for w in str(getattr(row, field)).replace("_", "\x00").split()}
    return [w.replace("\x00", "[ ]") for w in sorted(found, key=lambda w: (-len(w), w))]


def _any(words: Sequence[str]) -> str:
    return f"(?:{'|'.join(words)})"


_LONGEST = re2.Options()
_LONGEST.longest_match = True
_LONGEST.case_sensitive = False
_KINDS: tuple[Kind, ...] = ("answer", "option", "result")
_GROUPS = {"english": (_ENGLISH,), "spaced": _OTHERS, "unspaced": UNSPACED}
_NOUNS = re2.compile(
    _any([word for kind in _KINDS for rows in _GROUPS.values() for word in _words(rows, kind)]),
    _LONGEST,
)
_CLASSES = [
    (kind, group, re.compile(_any(_words(rows, kind)), re.IGNORECASE))
    for kind in _KINDS
    for group, rows in _GROUPS.items()
    if _words(rows, kind)
]
_QUALIFIER = re.compile(_any(_words(LANGUAGES, "final")), re.IGNORECASE)
_WORD = re.compile(r"[^\s*_(\[{>#:：.,;|\"]+")
_NEXT_WORD = re.compile(r"[\s*_]{1,4}([^\W\d_][^\s:：*_.,]{0,14})")
_MARKS = r"(?:[\"'*_`)\]}|]|[ ]?</?(?:b|strong|em|i|u|p|span|h\d)>)*"
_ASIDE_EN = (
    r"(?:[ ](?:to(?![ ]be\b)|for|of|in|from|among|as(?=[ ]an?[ ]\w+[ ]is\b)|value|choice|option|letter"
    r"|number|expression|that|I|we|you"
    r")\b[^\n.:=]{0,80}?)?"
)
_ASIDE = (
    r"(?:[ ](?:auf|zur|zu|für|auf die|in|a|al|à|au|aux|de|del|della|da|do|du|des|para|por|per|alla|pour|voor"
    r"|op|på|til|för|na|do|ke|pentru|la|на|для|в|к|στην|στο|για|untuk|dari|cho|của|ya|kwa|sa|ng|की|का|के|для"
    r")\b[^\n.:=]{0,80}?)?"
)
_SIGNS = r"[:：՝](?:-(?=\s))?|=(?![=>])|[-–—]+(?=\s)|[-–—=]+>|→|⇒"


def _copula(
    rows: Sequence[Language], aside: str, attached: Sequence[Language] = ()
) -> re.Pattern[str]:
    glued = f"|{_any(_words(attached, 'copula'))}(?:[ ]?[*_]*[:：])?" if attached else ""
    return re.compile(
        rf"(?P<mid>{_MARKS}(?:[ ]?[(（][^()（）\n]{{1,60}}[)）])?{aside}[\"'*_`]*),?\s*"
        rf"(?P<sign>(?<!\w){_any(_words(rows, 'copula'))}(?!\w)(?:[ ]?[*_]*[:：])?|{_SIGNS}{glued})"
        r"[*_`]*(?:</?(?:b|strong|em|i|u|p|span|h\d)>)?[ \t]*",
        re.IGNORECASE,
    )


_COPULA_EN = _copula(
    (_ENGLISH,),
    r"(?:,[ ](?:then|therefore|thus|hence|indeed|in fact|[^,\n.:=]{1,60},))?" + _ASIDE_EN,
)
_COPULA = _copula(_OTHERS, _ASIDE)
_COPULA_GLUED = _copula(_OTHERS, "", UNSPACED)
_CLOSING = re.compile(
    rf"[ ]?(?:{'|'.join(_words((*_OTHERS, *UNSPACED), 'closing'))})(?P<end>[\s*_$.\":։]*)$",
    re.IGNORECASE,
)
_JOINS = re.compile(
    rf"(?:[ ](?:as|als|como|come|comme|{'|'.join(_words(LANGUAGES, 'copula'))})|[ ]?(?:が|は|가|이|是|为|為)"
    r")(?:[ ](?:therefore|thus|clearly|indeed|hence))?\s*$",
    re.IGNORECASE,
)  # fmt: skip


def labels(text: str) -> Iterator[Label]:
    """Where the answer, or a result, is spoken of. One pass of RE2."""
    spans = [core.span() for core in _NOUNS.finditer(text.encode("utf-8", "replace").decode())]
    passed = 0
    for start, end in ends(spans, MAX_NOUNS):
        kind, group = _classified(text[start:end])
        spaced = group != "unspaced"
        if start < passed or (spaced and not _stands_alone(text, start, end)):
            continue
        label = _extended(text, start, end, kind, group == "english")
        if label.kind != "option" or label.final or not spaced:
            passed = label.end
            yield label


@lru_cache(maxsize=1024)
def _classified(noun: str) -> tuple[Kind, str]:
    return next((kind, group) for kind, group, words in _CLASSES if words.fullmatch(noun))


def _stands_alone(text: str, start: int, end: int) -> bool:
    """No part of a word, a tag, or a key such as ``final_answer``."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if (
        before[-1:].isalnum()
        or after[:1].isalnum()
        or before[-1:] in ("<", "/")
        or after[:1] == ">"
    ):
        return False
    return not (before[-1:] == "_" and before[:1].isalnum()) and not (
        after[:1] == "_" and after[1:].isalnum()
    )


def _extended(text: str, start: int, end: int, kind: Kind, english: bool) -> Label:
    final = False
    chunk = text[max(0, start - _BEHIND) : start]
    chunk = chunk[chunk.rfind("\n") + 1 :]
    for word in reversed(list(_WORD.finditer(chunk))):
        if chunk[word.end() :].strip(" *_") or not is_qualifier(word[0]):
            break
        start -= len(chunk) - word.start()
        final |= len(word[0]) > 3 or word[0].casefold() == "my"
        chunk = chunk[: word.start()]
    while following := _NEXT_WORD.match(text, end):
        word_after = following[1]
        if not is_qualifier(word_after) or (english and word_after.casefold() not in _CHOICE):
            break
        end = following.start(1) + len(word_after)
        final |= len(word_after) > 3
    return Label(start, end, text[start:end], kind, english, final)


@lru_cache(maxsize=4096)
def is_qualifier(word: str) -> bool:
    return len(word) <= 16 and bool(_QUALIFIER.fullmatch(word))


def copula(text: str, label: Label) -> re.Match[str] | None:
    """What joins the label to the answer behind it: "is", "lautet", a colon."""
    if label.english:
        return _COPULA_EN.match(text, label.end)
    return _COPULA_GLUED.match(text, label.end) or _COPULA.match(text, label.end)


def joined_before(text: str, label: Label) -> int | None:
    """Where the verb begins that joins the label to what stands before it: "24 is the answer"."""
    found = _JOINS.search(text, max(0, label.start - 24), label.start)
    return found.start() if found else None


def without_closing(said: str) -> str:
    """``24 है`` and ``24です`` without their verb."""
    return _CLOSING.sub(lambda m: m["end"], said)
