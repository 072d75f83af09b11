r"""Integers, decimals, fractions, mixed numbers, percentages, powers of ten, ordinals, other bases.

Exact: ``0.25`` is 1/4. A decimal of 6 digits or more may be a rounded one, see ``partition``.
"""

from __future__ import annotations

import re
from fractions import Fraction

from arrol_serve.answers.kinds.form import Form, number
from arrol_serve.answers.kinds.numerals import ORDINALS, spoken

MAX_DIGITS = 4000
"""Longer numbers are compared digit by digit, as words."""
_SIGN = r"(?P<sign>[-+]?)[ ]?"
_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}")
_GROUPS = re.compile(
    _SIGN + r"(?P<whole>[0-9]{1,3}(?:[, \u2009'_][0-9]{3})+|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})"
    r"(?P<rest>\.[0-9]+)?"
)
_POINTED = re.compile(_SIGN + r"(?P<whole>[0-9]{1,3}(?:\.[0-9]{3})+)(?:,(?P<rest>[0-9]+))?")
_COMMA = re.compile(_SIGN + r"(?P<whole>0|[0-9]{1,3}(?:[. ][0-9]{3})*),(?P<rest>[0-9]+)")
_DECIMAL = re.compile(_SIGN + r"(?P<body>[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)")
_RATIO = re.compile(
    _SIGN + r"(?:(?P<whole>[0-9]+)(?:[ ](?:and[ ])?)?(?=\\|[0-9]+/))?[ ]?"
    r"(?:\(?(?P<n>-?[0-9]+)[ ]?\)?[ ]?/[ ]?\(?(?P<d>[0-9]+)\)?"
    r"|\\frac[ ]?(?:\{[ ]?(?P<ln>-?[0-9]+)[ ]?\}|(?P<sn>[0-9]))[ ]?(?:\{[ ]?(?P<ld>[0-9]+)[ ]?\}"
    r"|(?P<sd>[0-9])))"
)
_MIXED = re.compile(r"[-+]?[0-9]+[ ](?:and[ ])?[0-9]+/[0-9]+|[-+]?[0-9]+[ ]?\\frac.*")
_POWER = re.compile(
    r"(?P<body>[-+]?[0-9][0-9,]*(?:\.[0-9]+)?|[-+]?\.[0-9]+)?[ ]?"
    r"(?:[eE](?P<e>[-+]?[0-9]{1,5})"
    r"|(?:(?:\\times|\\cdot|\*|x|X)[ ]?)?10[ ]?(?:\^|\*\*)[ ]?[{(]?[ ]?(?P<p>[-+]?[ ]?[0-9]{1,5})[ ]?[})]?)"
)
_REPEATING = re.compile(
    _SIGN + r"(?P<whole>[0-9]*)\.(?P<start>[0-9]*)"
    r"(?:\\(?:overline|bar|dot|overset\{\.\})[ ]?\{?(?P<a>[0-9]+)\}?|\((?P<b>[0-9]+)\))"
)
_ORDINAL = re.compile(
    r"(?P<n>[0-9]+)[ ]?(?:\^[ ]?\{?)?[ ]?(?:st|nd|rd|th|er|re|ème|ª|º|\.)[ ]?\}?", re.I
)
_LITERAL = re.compile(r"0(?:[xX][0-9A-Fa-f]+|[bB][01]+|[oO][0-7]+)")
_BASED = re.compile(
    r"\(?(?P<digits>[0-9A-Za-z]+)\)?[ ]?_[ ]?\{?[ ]?\(?(?P<base>[0-9]{1,2}|[a-z]+)\)?[ ]?\}?"
)
_BASE_NAMES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
               "ten": 10, "twelve": 12, "sixteen": 16}  # fmt: skip


def read(text: str) -> Form | None:
    """``text`` is clean."""
    if _INTEGER.fullmatch(text):
        return number(Fraction(int(text)), "integer")
    if not text or len(text) > MAX_DIGITS or not (text[0] in "-+.(\\" or text[0].isalnum()):
        return None
    if text[:1] in "mMnN" and (minus := _MINUS.match(text)):
        return read("-" + text[minus.end() :])
    if text[-1] == "%" or text.endswith(
        ("percent", "per cent", "Prozent", "por ciento", "pour cent", "pct")
    ):
        return _percent(text)
    return _plain(text) or _literal(text) or _word(text)


def _plain(text: str) -> Form | None:
    for reader in (_decimal, _ratio, _grouped, _power, _repeating):
        form = reader(text)
        if form is not None:
            return form
    return None


def _decimal(text: str) -> Form | None:
    found = _DECIMAL.fullmatch(text)
    if not found:
        return None
    value = Fraction(found["body"] if found["body"] != "." else "0")
    body = found["body"].rstrip("0") if "." in found["body"] else found["body"]
    digits = len(body.partition(".")[2])
    significant = len(body.replace(".", "").lstrip("0"))
    long = (digits >= 4 and significant >= 6) or digits >= 6
    value = -value if found["sign"] == "-" else value
    if value.denominator == 1:
        return number(value, "integer")
    return number(value, "decimal", digits if long else None)


def _ratio(text: str) -> Form | None:
    found = _RATIO.fullmatch(text)
    if not found:
        return None
    over = int(found["n"] or found["ln"] or found["sn"])
    under = int(found["d"] or found["ld"] or found["sd"])
    if under == 0:
        return None
    whole = int(found["whole"] or 0)
    if whole and not _MIXED.fullmatch(text):
        return None
    value = whole + Fraction(over, under)
    return number(-value if found["sign"] == "-" else value, "fraction")


def _grouped(text: str) -> Form | None:
    found = _GROUPS.fullmatch(text)
    if found:
        body = re.sub(r"[^0-9]", "", found["whole"]) + (found["rest"] or "")
        return _decimal(found["sign"] + body)
    found = _POINTED.fullmatch(text)
    if found and (found["rest"] or found["whole"].count(".") > 1):
        return _decimal(
            found["sign"] + found["whole"].replace(".", "") + "." + (found["rest"] or "0")
        )
    found = _COMMA.fullmatch(text)
    if found and (found["whole"] == "0" or not found["whole"].isdigit()):
        return _comma(found)
    return None


def _comma(found: re.Match[str]) -> Form | None:
    return _decimal(found["sign"] + re.sub(r"[. ]", "", found["whole"]) + "." + found["rest"])


def decimal_comma(text: str) -> Form | None:
    """``12,50``, where the text around it says that this is one number."""
    found = _COMMA.fullmatch(text)
    return _comma(found) if found else None


def _power(text: str) -> Form | None:
    found = _POWER.fullmatch(text)
    if not found or not (found["body"] or found["p"]):
        return None
    exponent = int((found["e"] or found["p"]).replace(" ", ""))
    if abs(exponent) > MAX_DIGITS:
        return None
    return number(
        Fraction((found["body"] or "1").replace(",", "")) * Fraction(10) ** exponent, "decimal"
    )


def _repeating(text: str) -> Form | None:
    found = _REPEATING.fullmatch(text)
    if not found:
        return None
    again, start = found["a"] or found["b"], found["start"]
    whole = Fraction((found["whole"] or "0") + "." + (start or "0"))
    value = whole + Fraction(int(again), (10 ** len(again) - 1) * 10 ** len(start))
    return number(-value if found["sign"] == "-" else value, "decimal")


def _percent(text: str) -> Form | None:
    body = re.sub(r"[ ]?(?:%|percent|per cent|Prozent|por ciento|pour cent|pct)$", "", text)
    form = _plain_or_integer(body)
    if form is None or form.kind == "percentage":
        return None
    value = form.value / 100
    also = (("num", form.own[1]), ("num", value))  # type: ignore[index]
    return Form(
        "percentage",
        ("percent", value),
        f"{form.shown}%",
        (also[1], also[0]),
        (("unit", ("%", value)),),
    )


def _plain_or_integer(text: str) -> Form | None:
    return _plain(text) or decimal_comma(text) or _word(text)


def _literal(text: str) -> Form | None:
    if _LITERAL.fullmatch(text):
        return number(Fraction(int(text, 0)), "integer")
    found = _BASED.fullmatch(text)
    if found:
        return _based(found["digits"], found["base"])
    return None


def _based(digits: str, name: str) -> Form | None:
    base = int(name) if name.isdigit() else _BASE_NAMES.get(name, 0)
    if not 2 <= base <= 36 or len(digits) > 400:
        return None
    try:
        value = Fraction(int(digits, base))
    except ValueError:
        return None
    return number(value, "integer")


def _word(text: str) -> Form | None:
    found = _ORDINAL.fullmatch(text)
    if found:
        return number(Fraction(int(found["n"])), "integer")
    value = spoken(text) if text[:1].isalpha() and len(text) < 120 else None
    nth = ORDINALS.get(text.casefold())
    value = Fraction(nth) if value is None and nth is not None else value
    return (
        None
        if value is None
        else number(Fraction(value), "integer" if value == int(value) else "fraction")
    )


_MINUS = re.compile(r"(?:minus|negative)[ ](?=[0-9.\\])", re.IGNORECASE)
