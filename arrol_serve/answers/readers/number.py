"""``number``: the number of what is stated, else the last one of the text."""

from __future__ import annotations

import re
from fractions import Fraction

from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.readers.found import Found, nothing
from arrol_serve.answers.spelling import ascii_signs
from arrol_serve.answers.statements.choose import chosen
from arrol_serve.answers.statements.statement import Trust

_FRACTION = r"\\[dt]?frac\s*(?:\{-?\d+\}\s*\{\d+\}|\d\d|\{-?\d+\}\d|\d\{\d+\})"
_GROUPED = (
    r"\d{1,3}(?:(?:,|\{,\}|\\,|[ \u2009\u202f\u00a0'])\d{3})+(?!\d)(?:\.\d+)?"
    r"|\d{1,2}(?:,\d{2})+,\d{3}(?!\d)"
)
_POINTED = (
    r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}(?!\d)|0,\d+(?![\d,])"
    r"|\d+,\d{1,2}(?=[ ]?(?:€|\$|EUR|Euro|kg|km|m\b|cm|%))"
)
_POWER = (
    r"(?:[eE][-+]?\d+|[ ]?(?:\\times|\\cdot|×|·|\*|x(?=[ ]?10[ ]?\^))[ ]?10[ ]?"
    r"(?:\^[ ]?\{?[-+]?\d+\}?|[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+|\*\*[-+]?\d+))"
)
NUMBER = re.compile(
    r"(?:(?<![A-Za-z0-9_)\]}.])[-−])?(?<![A-Za-z0-9_.\\])(?!0[xX][0-9A-Fa-f])(?:(?:\\?\$|[€£¥₹₽])[ ]?)?"
    r"(?:(?<=[$€£¥₹₽ ])[-−])?"
    rf"(?:{_FRACTION}|\d+[ ]\d+/\d+|\d*[¼-¾⅐-⅞]|{_POINTED}|{_GROUPED}|\d+(?:\.\d+)?|\.\d+)"
    rf"(?:{_POWER})?(?:/\d+)?(?:\s?(?:\\?%|percent\b))?"
)
_COMMA = re.compile(r"[-−]?\d+,\d{1,2}")
_LEADING = re.compile(r"^[-−]?[ ]+(?=\d)")


def read(text: str) -> Found:
    statement = chosen(text)
    if statement is not None and statement.trust > Trust.ALONE:
        found = in_statement(statement.text)
        if found is not None:
            return Found(found, statement.source)
    last = [found] if (found := in_statement(text)) else []
    return (
        Found(last[-1], "the last number of the text")
        if last
        else nothing("the text holds no number")
    )


def in_statement(said: str) -> str | None:
    """The last number of a formula; a sentence has been reduced to its gist before."""
    if _COMMA.fullmatch(said.strip(" .$")):
        return plain(said.strip(" .$").replace(",", "."))
    found = numbers(said)
    if len(found) > 1:
        form = kind_of(said)
        if form.kind == "expression" and isinstance(form.value, Fraction):
            return form.shown  # 2^{10}
    return found[-1] if found else None


def numbers(text: str) -> list[str]:
    return [plain(found[0]) for found in NUMBER.finditer(text)]


def plain(found: str) -> str:
    r"""``$1,234`` as 1234, ``\frac{1}{2}`` as 1/2, ``50 \%`` as 50%, ``1.234,56`` as 1234.56."""
    text = ascii_signs(_LEADING.sub(lambda m: m[0].strip(), found.strip()))
    text = re.sub(r"\\[dt]?frac\s*(?:\{(-?\d+)\}|(\d))\s*(?:\{(\d+)\}|(\d))", r"\1\2/\3\4", text)
    text = re.sub(r"\s?(?:\\?%|percent)", "%", text)
    text = re.sub(
        r"[ ]?(?:\\times|\\cdot|×|\*|x)[ ]*10[ ]?(?:\^|\*\*)[ ]?\{?([-+]?\d+)\}?", r"e\1", text
    )
    text = re.sub(r"[$€£¥₹₽]|\\[$]", "", text.replace("{,}", ",").replace("\\,", "")).strip()
    if re.fullmatch(
        r"-?(?:\d{1,3}(?:\.\d{3})*,\d{1,2}|\d{1,3}(?:\.\d{3})+,\d+|0,\d+)%?", text
    ) or re.fullmatch(r"-?\d{1,3}(?:\.\d{3}){2,}", text):
        text = text.replace(".", "").replace(",", ".")
    text = re.sub(r"(?<=\d)[ '\u2009](?=\d{3}(?!\d))", "", text) if "/" not in text else text
    return text.replace(",", "").replace("\\", "").lstrip("$ ")


def is_number(answer: str) -> bool:
    return kind_of(answer).kind in ("integer", "decimal", "fraction", "percentage")
