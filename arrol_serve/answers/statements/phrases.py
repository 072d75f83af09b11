"""What follows "The answer is", "Answer:", a heading, and what stands before "is the answer"."""

from __future__ import annotations

import re
from collections.abc import Iterator

import re2  # type: ignore[import-untyped]

from arrol_serve.answers.ends import ends
from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.languages.words import (
    Label,
    copula,
    joined_before,
    labels,
    without_closing,
)
from arrol_serve.answers.statements import asides
from arrol_serve.answers.statements.blocks import block_at, sentence
from arrol_serve.answers.statements.gist import AMOUNT, is_loose
from arrol_serve.answers.statements.peel import peel
from arrol_serve.answers.statements.statement import Statement, Trust

_HEADING = re.compile(r"[\"'*_`:：#=\s>\-—.!✅]*(?:\n|$)")
_NEGATED = re.compile(
    r"(?:\b(?:each|every|no|any|other|another|which|what|if|whether|incorrect|wrong|possible"
    r"|intermediate|partial|previous|expected)\s+)$",
    re.I,
)
_CONCLUDED = re2.compile(
    r"(?i)\b(?:final|end) (?:result|value|count|total|number|solution)(?: [^\n.:=]{0,40}?)?(?:\s+is"
    r"|\s*[:：=])[*_]*\s*"
    r"|(?:[故应應可]|因此|所以|应该)?(?:选择|選擇|选|選)[项項]?[是为為]?[:：]?[ ]*(?:[(（*【]|[A-Za-z])"
    r"|\b(?:correct|right|best) (?:one|statement|answer) is[ :]*"
    r"|\b(?:selection|choice) is (?:(?:option|choice) )?\(?[A-Z]\b"
    r"|(?:綜上所述|因此)[是为為][:：]?[ ]*"
)
_CHOSEN = re.compile(r"[(（*【A-Za-z]$|(?:(?:option|choice) )?\(?[A-Z]$")
"""What begins the answer itself."""
_BEFORE = re2.compile(
    r"(?:\b(?:option|choice|answer)\s+)?"
    r"(?P<q>[\"'*(（$]{0,3})(?P<letter>[A-Z])(?:[)）.]?[\"'*)）$]{0,3})\s+"
    r"(?:is|are|seems|appears|must be|would be)\s+(?:therefore |thus |clearly "
    r"|most likely )?(?:the )?(?:most )?"
    r"(?:correct|right|best|closest|appropriate|accurate|true|answer)\b"
)
_LAST = re.compile(
    rf"(?:\*\*(?P<bold>[^*\n]{{1,60}})\*\*|(?<!\$)\$(?P<math>[^$\n]{{1,120}})\$"
    rf"|\\\((?P<tex>[^\n]{{1,120}}?)\\\)|(?<![A-Za-z\d.])(?P<letter>\(?[A-Z]\)?(?:[ ]{AMOUNT.pattern})?)"
    rf"|(?P<amount>{AMOUNT.pattern}(?:[ ][^\W\d_]{{1,12}})?)"
    r"|(?P<word>\b(?:yes|no|true|false|valid|invalid))|(?P<command>\\[a-z]+(?:\{[^{}\n]{0,40}\}){0,2}))$"
)
_BARE = re.compile(
    r"(?P<shut>[*_)\]]*(?:[ \t]*\|)?)[ \t]*(?:\n[ \t]*)?(?:(?:az?|e|als|como|come)[ ])?[ \t]*(?=\S)"
)
_FIRST = re.compile(
    r"[*_`\"'(\[{$\\]*(?:[-−+]?[\d.]|[A-Z](?![^\W_])|\\|[a-z]?[ ]?="
    r"|(?:yes|no|true|false|ja|oui|sí|да|evet)\b)"
)
_SUPPOSED = re.compile(r"(?:^|[.:;(\n])[^.;\n]{0,40}\b[Ii]f\b[^.;\n]{0,120}$")
_SO = re.compile(r",?\s*so\b(?: that)?\s*(?P<said>[^.\n]*\d[^.\n]*)", re.IGNORECASE)
_ITEM = re.compile(r"[ \t]*(?:[-*•–>]|\d{1,2}[.)])[ \t]+(?P<said>[^\n]{1,200})(?:\n|$)")


def find(text: str) -> Iterator[Statement]:
    for label in ends(labels(text)):
        found = _after(text, label) or _before(text, label)
        if found is not None:
            yield found
    safe = text.encode("utf-8", "replace").decode()
    for match in ends(_CONCLUDED.finditer(safe)):
        if _is_inside(text, match.start()):
            continue
        begun = _CHOSEN.search(match[0]) if match[0][-1:] not in " :：" else None
        at = match.start() + begun.start() if begun else match.end()
        said, end = sentence(text, at)
        source = text[match.start() : at].strip()
        yield Statement(match.start(), end, said, f'"{source}"', Trust.LINE)
    yield from asides.find(text, safe)
    for match in ends(_BEFORE.finditer(safe)):
        yield Statement(
            match.start(), match.end(), match["letter"], f'"{match[0].strip()}"', Trust.LINE
        )


def _is_inside(text: str, at: int) -> bool:
    """Part of a longer Chinese phrase, such as one that rules an option out."""
    before, first = text[at - 1 : at], text[at]
    return (
        "一" <= first <= "鿿"
        and "一" <= before <= "鿿"
        and before not in "题題案该該应應可我们們都请就"
    )


def _after(text: str, label: Label) -> Statement | None:
    if _NEGATED.search(text, max(0, label.start - 20), label.start):
        return None
    joint = copula(text, label)
    if joint is not None:
        said = " ".join((label.text + joint[0]).split())
        if "would" in joint[0] and _SUPPOSED.search(text, max(0, label.start - 160), label.start):
            return None
        return _stated(text, label, joint.end(), said)
    heading = _HEADING.match(text, label.end)
    if heading is not None and _line_start(text, label.start) and heading.end() < len(text):
        return _stated(text, label, heading.end(), label.text + " (heading)")
    return _unjoined(text, label)


def _unjoined(text: str, label: Label) -> Statement | None:
    """``Cevap 24.``, "lautet die Antwort 24", ``**Answer** 24``: what follows must be an answer by itself."""
    gap = _BARE.match(text, label.end)
    shouted = (label.text.isupper() or label.final) and _line_start(text, label.start)
    if gap is None or not _FIRST.match(text, gap.end()):
        return None
    if label.english and not (gap["shut"] or shouted):
        return None
    found = _stated(text, label, gap.end(), label.text)
    return found if found is not None and _is_typed(found.text) else None


def _is_typed(said: str) -> bool:
    return not is_loose(peel(said))


def _stated(text: str, label: Label, at: int, said: str) -> Statement | None:
    content, end = _items(text, at) or block_at(text, at)
    content, end = _concluded(text, content, end)
    content = content if label.english else without_closing(content)
    if not content.strip():
        return None
    trust = Trust.STATED
    if label.kind == "result":
        trust = Trust.LINE
        last = not any(c.isdigit() for c in text[end:])
        if not (label.final or last or said[-1] in ":：*") or not _is_typed(content):
            return None
    return Statement(label.start, end, content, f'"{said[:60].strip()}"', trust)


def _concluded(text: str, content: str, end: int) -> tuple[str, int]:
    """ "There are 12 red and 8 blue ones, so 20 in all" ends with what counts."""
    so = _SO.match(text, end)
    if so is None or len(AMOUNT.findall(content)) < 2 or not is_loose(peel(content)):
        return content, end
    return so["said"], so.end()


def _items(text: str, at: int) -> tuple[str, int] | None:
    """A list under the label; one item or several answers."""
    at += len(text[at:]) - len(text[at:].lstrip())
    if "\n" not in text[max(0, at - 4) : at]:
        return None
    found: list[str] = []
    while len(found) < 12 and (item := _ITEM.match(text, at)):
        found.append(item["said"].strip())
        at = item.end()
    if not found or (len(found) > 1 and not all(map(_is_typed, found))):
        return None
    return ", ".join(map(peel, found)), at


def _before(text: str, label: Label) -> Statement | None:
    """ "Therefore, 24 is the answer."""
    end = joined_before(text, label)
    if end is None or label.kind != "answer":
        return None
    begin = max(text.rfind("\n", 0, end) + 1, end - 140)
    found = _LAST.search(text, begin, end)
    if found is None:
        return None
    said = next(filter(None, found.groups()))
    if not said.strip() or kind_of(peel(said)).kind in ("words", "formula"):
        return None
    source = f'"{text[end : label.end].strip()[:60]}"'
    return Statement(found.start(), label.end, said, source, Trust.LINE)


def _line_start(text: str, at: int) -> bool:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return not line.strip(" \t*_#>`\"'-=:.~✅🎯|0123456789()")
