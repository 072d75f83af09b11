"""A number with a unit, a currency or a noun: 5 cm, $18, 90°, 7 cousins, 5 feet 6 inches."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from arrol_serve.answers.kinds import number
from arrol_serve.answers.kinds.form import Form, Key
from arrol_serve.answers.kinds.form import number as number_form
from arrol_serve.answers.kinds.numerals import spoken
from arrol_serve.answers.kinds.units import Unit, measure, unit
from arrol_serve.answers.kinds.words import spelt

_NUMBER = (
    r"[-+]?(?:\\frac[ ]?\{[0-9]+\}[ ]?\{[0-9]+\}|\\frac[ ]?[0-9]{2}"
    r"|(?:[0-9][0-9.,'\u2009_]*|\.[0-9]+)(?:[ ][0-9]{3}(?![0-9]))*(?:[ ]?/[ ]?[0-9]+"
    r"|[ ][0-9]+/[0-9]+|[ ]?\\frac[ ]?\{[0-9]+\}\{[0-9]+\})?"
    r"(?:[ ]?(?:\\times|\\cdot|\*|x)[ ]?10[ ]?\^[ ]?\{?[-+]?[0-9]+\}?|[eE][-+]?[0-9]+)?)"
)
_BEFORE = re.compile(
    rf"(?P<sign>[-+]?)[ ]?(?P<unit>(?:US[ ]?)?USD|EUR|GBP|INR|JPY|CNY|RMB|[€£¥₹₽₩]|R\$|Rs\.?"
    rf"|US\$)[ ]?(?P<number>{_NUMBER})(?P<rest>.*)"
)
_AFTER = re.compile(
    rf"(?P<number>{_NUMBER})[ ]?(?P<rest>(?:[^0-9 +*/=<>({{\\^-]|\\(?:frac[ ]?\{{[ A-Za-z]|mu|Omega)).*)"
)
_WORD = r"(?:[^\W\d_]{2,}|[^\x00-\x7f])(?:['./-][^\W\d_]+)*"
_NOUN = re.compile(rf"{_WORD}(?:[ ](?:[^\W\d_]\b|{_WORD})){{0,4}}\.?")
_POWERED = re.compile(r"[A-Za-z°/]+(?:\^\{?-?[0-9]\}?)?(?:[ /·][A-Za-z]+(?:\^\{?-?[0-9]\}?)?)*")
_LETTERS = {"k": 10**3, "K": 10**3, "M": 10**6, "m": 10**6, "B": 10**9, "bn": 10**9}
"""Behind a currency and its number."""
_UNITS = re.compile(r"(?:sq\.? |square |cubic )?units?(?:[ ]?\^[ ]?\{?[23]\}?)?\.?")
_JOINING = re.compile(
    r"\b(?:and|or|und|y|et|to|plus|minus|if|when|where|times|for|than|below|under|squared|cubed|factorial"
    r"|mod|modulo|negative|in|out of|divided|choose|over)\b",
    re.IGNORECASE,
)
_FEET = re.compile(r"([0-9]+)[ ]?(?:'|ft)[ ]?([0-9]+)[ ]?(?:\"|''|in)")
_SCALE: dict[str, int | Fraction] = {
    **dict.fromkeys(["hundred", "hundreds", "hundert", "cien"], 10**2),
    **dict.fromkeys(["thousand", "thousands", "k", "tausend", "mil", "mille", "mila", "тысяч", "тысячи",
                     "千"], 10**3),
    **dict.fromkeys(["million", "millions", "mio", "millionen", "millones", "millón", "milioni", "milhões",
                     "миллионов", "миллиона", "mln"], 10**6),
    **dict.fromkeys(["billion", "billions"], 10**9), **dict.fromkeys(["trillion", "trillions"], 10**12),
    **dict.fromkeys(["milliarde", "milliarden", "milliard", "milliards", "миллиардов"], 10**9),
    **dict.fromkeys(["lakh", "lakhs"], 10**5), **dict.fromkeys(["crore", "crores"], 10**7),
    **dict.fromkeys(["万", "萬", "만"], 10**4), **dict.fromkeys(["亿", "億", "억"], 10**8),
    **dict.fromkeys(["dozen", "dozens"], 12),
    **dict.fromkeys(["tenth", "tenths"], Fraction(1, 10)),
    **dict.fromkeys(["hundredth", "hundredths"], Fraction(1, 100)),
    **dict.fromkeys(["thousandth", "thousandths"], Fraction(1, 1000)),
    **dict.fromkeys(["halves"], Fraction(1, 2)), **dict.fromkeys(["thirds"], Fraction(1, 3)),
    **dict.fromkeys(["fourths"], Fraction(1, 4)), **dict.fromkeys(["fifths"], Fraction(1, 5)),
    **dict.fromkeys(["sixths"], Fraction(1, 6)), **dict.fromkeys(["eighths"], Fraction(1, 8)),
}  # fmt: skip


def read(text: str) -> Form | None:
    """``text`` is clean."""
    if len(text) > 200:
        return None
    if feet := _FEET.fullmatch(text):
        return read(f"{feet[1]} feet {feet[2]} inches")
    found = _BEFORE.fullmatch(text)
    if found:
        form = _number(found["sign"] + found["number"].rstrip(".,"))
        return _priced(form, found["unit"], found["rest"].strip()) if form else None
    if text[:1].isalpha():
        return _spoken(text)
    found = _AFTER.fullmatch(text)
    if not found:
        return None
    if (
        len(found["rest"]) == 1
        and found["rest"].isalpha()
        and found["rest"].isascii()
        and " " not in text
    ):
        return None  # 6m is 6 times m
    form = _number(found["number"].rstrip(".,"))
    return _named(form, found["rest"].strip()) if form else None


def _spoken(text: str) -> Form | None:
    """ "three days" is 3 days; "three apples" are words that may mean 3."""
    said = text.split(" ")
    for count in range(min(6, len(said) - 1), 0, -1):
        value = spoken(" ".join(said[:count]))
        if value is None:
            continue
        named = _named(number_form(value, "integer"), " ".join(said[count:]))
        if named is None or named.own[0] == "quantity" or named.kind != "quantity":  # type: ignore[index]
            return named
        return replace(spelt(text), also=(named.own,), slots=named.slots)
    return None


def _number(text: str) -> Form | None:
    form = number.decimal_comma(text) if re.fullmatch(r"[0-9]+,[0-9]{1,2}", text) else None
    return form or number.read(text)


def _priced(form: Form, currency: str, rest: str) -> Form | None:
    first, _, others = rest.partition(" ")
    factor = _SCALE.get(first.casefold()) or _LETTERS.get(first)
    if factor is not None:
        form, rest = _scaled(form, factor), others
    known = unit({"R$": "BRL", "US$": "USD", "US USD": "USD", "Rs.": "Rs"}.get(currency, currency))
    if rest and not is_noun(rest.lstrip("/ ")) and rest != "USD":
        return None
    return _measured(form, known) if known else form


def _named(form: Form, rest: str) -> Form | None:
    first, _, others = rest.partition(" ")
    if first.casefold() in _SCALE and (not others or is_noun(others)):
        form, rest = _scaled(form, _SCALE[first.casefold()]), others
        if not rest:
            return form
    compound = _compound(form, rest)
    if compound is not None:
        return compound
    known = measure(rest)
    if known is not None:
        return _measured(form, known)
    if is_noun(rest):
        return _counted(form, rest)
    return None


def is_noun(rest: str) -> bool:
    """Whether it may be counted: "cousins", "square units"."""
    if rest in ("°", "°C", "°F") or _UNITS.fullmatch(rest):
        return True
    if _NOUN.fullmatch(rest):
        return not _JOINING.search(rest) and (len(rest) > 1 or not rest.isascii())
    return bool(_POWERED.fullmatch(rest)) and len(rest) > 2 and "/" in rest


def _scaled(form: Form, factor: int | Fraction) -> Form:
    return number_form(form.value * factor, form.kind) if isinstance(form.value, Fraction) else form


def _counted(form: Form, noun: str) -> Form:
    """A noun says nothing that a bare number would not."""
    return Form(
        "quantity",
        form.own,
        f"{form.shown} {noun}",
        form.also,
        form.slots,
        form.value,
        form.decimals,
    )


def _measured(form: Form, known: Unit) -> Form:
    dimension, factor = known
    if not isinstance(form.value, Fraction):
        return form
    value = form.value * factor
    also: tuple[Key, ...] = (form.own, *form.also)
    return Form(
        "quantity",
        ("quantity", dimension, value),
        f"{form.shown} {dimension} x {float(factor):g}",
        also,
        (("unit", (dimension, value)),),
    )


_PAIR = re.compile(
    rf"(?P<unit>[A-Za-z]+)(?:[ ]and|,)?[ ](?P<number>{_NUMBER})[ ](?P<last>[A-Za-z]+)"
)


def _compound(form: Form, rest: str) -> Form | None:
    """5 feet 6 inches, 2 hours and 30 minutes."""
    found = _PAIR.fullmatch(rest)
    if not found:
        return None
    small, large, part = _number(found["number"]), unit(found["unit"]), unit(found["last"])
    if not (small and large and part and large[0] == part[0] and large[1] > part[1]):
        return None
    if not isinstance(form.value, Fraction) or not isinstance(small.value, Fraction):
        return None
    value = form.value * large[1] + small.value * part[1]
    return Form(
        "quantity",
        ("quantity", large[0], value),
        f"{float(value):g} {large[0]}",
        (),
        (("unit", (large[0], value)),),
    )
