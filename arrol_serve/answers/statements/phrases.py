"""What follows "The answer is", "Answer:", a heading, in many languages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from arrol_serve.answers.statements.blocks import block_at, sentence
from arrol_serve.answers.statements.ends import ends
from arrol_serve.answers.statements.statement import Statement, Trust
from arrol_serve.answers.statements.vocabulary import COPULA, labels

_HEADING = re.compile(r"[\"'*_`:：#=\s>\-—.!✅]*(?:\n|$)")
_NEGATED = re.compile(
    r"(?:\b(?:each|every|no|any|other|another|which|what|if|whether|incorrect|wrong|possible"
    r"|intermediate|partial|previous|expected)\s+)$",
    re.I,
)
_RESULT = re.compile(
    r"(?<!\w)(?:endergebnis|ergebnis|resultado(?: final)?|r[ée]sultat(?: final)?|risultato"
    r"|результат|итого|итог)"
    r"(?:\s+(?:ist|es|est|è|é)|[*_]*\s*[:：=])[*_]*\s*"
    r"|\b(?:final|end) (?:result|value|count|total|number|solution)(?: [^\n.:=]{0,40}?)?(?:\s+is"
    r"|\s*[:：=])[*_]*\s*"
    r"|(?<![一-鿿])(?:故|因此|所以|应|應|应该|可)?(?:选择|選擇|选|選)(?:项|項)?"
    r"(?:是|为|為)?[:：]?[ ]*(?=[A-Za-z(（*【])"
    r"|\b(?:correct|right|best) (?:one|statement|answer) is[ :]*"
    r"|\b(?:selection|choice) is (?=option|choice|\(?[A-Z]\b)"
    r"|(?:结果|結果|綜上所述|因此)(?:是|为|為)[:：]?[ ]*",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?:\b(?:option|choice|answer)\s+)?"
    r"(?P<q>[\"'*(（$]{0,3})(?P<letter>[A-Z])(?:[)）.]?[\"'*)）$]{0,3})\s+"
    r"(?:is|are|seems|appears|must be|would be)\s+(?:therefore |thus |clearly "
    r"|most likely )?(?:the )?(?:most )?"
    r"(?:correct|right|best|closest|appropriate|accurate|true|answer)\b"
)


def find(text: str) -> Iterator[Statement]:
    for label in ends(labels(text)):
        found = _after(text, label)
        if found is not None:
            yield found
    for match in ends(_RESULT.finditer(text)):
        said, end = sentence(text, match.end())
        yield Statement(match.start(), end, said, f'"{match[0].strip()}"', Trust.LINE)
    for match in ends(_BEFORE.finditer(text)):
        yield Statement(
            match.start(), match.end(), match["letter"], f'"{match[0].strip()}"', Trust.LINE
        )


def _after(text: str, label: re.Match[str]) -> Statement | None:
    if _NEGATED.search(text, max(0, label.start() - 20), label.start()):
        return None
    copula = COPULA.match(text, label.end())
    begins = _line_start(text, label.start())
    if copula is not None:
        said = " ".join((label[0] + copula[0]).split())
        return _stated(text, label.start(), copula.end(), said)
    heading = _HEADING.match(text, label.end())
    if heading is not None and begins and heading.end() < len(text):
        return _stated(text, label.start(), heading.end(), label[0] + " (heading)")
    return None


def _stated(text: str, start: int, at: int, said: str) -> Statement | None:
    content, end = block_at(text, at)
    if not content.strip():
        return None
    return Statement(start, end, content, f'"{said[:60].strip()}"', Trust.STATED)


def _line_start(text: str, at: int) -> bool:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return not line.strip(" \t*_#>`\"'-=:.~✅🎯|0123456789()")
