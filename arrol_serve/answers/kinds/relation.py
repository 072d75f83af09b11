"""Equations, named values and inequalities."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from arrol_serve.answers.kinds.form import Form, Key, marked
from arrol_serve.answers.kinds.several import collection, interval
from arrol_serve.answers.kinds.split import at_top, parts
from arrol_serve.answers.terms.evaluate import inexact
from arrol_serve.answers.terms.term import Term, read_term, rounded
from arrol_serve.answers.terms.tokens import NotTerm

Reader = Callable[[str], Form]
_EQUALS = re.compile(r"(?<![<>!=:\\])=(?!=)|\\approx(?![A-Za-z])|\\equiv(?![A-Za-z])")
_ORDER = re.compile(r"\\le(?![A-Za-z])|\\ge(?![A-Za-z])|<=|>=|<|>")
_NAME = re.compile(
    r"(?P<name>(?:\\mathbb[ ]?\{?[EP]\}?|[EP]|Var|Cov)[ ]?(?:[\[(][^=\])]{1,30}[\])]|[A-Z])"
    r"|(?:\\?[A-Za-z]+|[A-Za-z])'?(?:[ ]?_[ ]?(?:\{[^{}]*\}|[A-Za-z0-9]))?)"
    r"[ ]?(?P<of>\([ ]?[A-Za-z0-9,\- ]{1,12}\)|(?<=[fghuvFGHPQTSVNEU])[ ]?\([^=]{1,60}\))?"
)
_BELONGS = re.compile(r"(?P<name>[A-Za-z]|\\[a-z]+)[ ]?\\in(?![A-Za-z])(?P<where>.+)")
_POINT = re.compile(
    r"\([ ]?(?P<names>[A-Za-z](?:_[A-Za-z0-9])?(?:[ ]?,[ ]?[A-Za-z](?:_[A-Za-z0-9])?){1,5})[ ]?\)[ ]?=[ ]?"
    r"\((?P<values>[^()]{1,200})\)"
)
_SIZE = re.compile(r"\|[ ]?(?P<name>[A-Za-z])[ ]?\|")
_COORDINATES = frozenset(["x", "y", "z", "r", r"\theta", r"\rho", r"\phi"])
_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_MODULUS = re.compile(r"\(?[ ]?(?:\\pmod|\\bmod|\\mod|mod)(?![A-Za-z])")


def read(text: str, reader: Reader) -> Form | None:
    """``text`` is clean; ``reader`` reads a side."""
    point = _POINT.fullmatch(text)
    if point:
        return _point(point, reader)
    belongs = _BELONGS.fullmatch(text)
    if belongs:
        return _labelled(belongs["name"], reader(belongs["where"].strip()))
    if _MODULUS.search(text) or r"\ne" in text:
        return None
    if len(_PROSE.findall(text)) > 2:
        return None
    ordered = _inequality(text, reader)
    if ordered is not None:
        return ordered
    sides = at_top(text, _EQUALS)
    return _equation(sides, reader) if len(sides) > 1 and all(sides) else None


def _point(found: re.Match[str], reader: Reader) -> Form | None:
    """``(x, y) = (1, 2)`` is x = 1, y = 2."""
    names, values = found["names"].split(","), parts(found["values"]) or []
    if len(names) != len(values) or len(set(names)) < len(names):
        return None
    return collection([_labelled(n.strip(), reader(v)) for n, v in zip(names, values, strict=True)])


def _equation(sides: list[str], reader: Reader) -> Form | None:
    name = _NAME.fullmatch(sides[0])
    if name and not (name["name"].isalpha() and len(name["name"]) > 24):
        return _named(name, sides, reader)
    last = reader(sides[-1])
    if len(sides) > 2 or not _has_names(sides):
        return last if last.kind not in ("words", "formula") else None
    return _implicit(sides)


def _has_names(sides: list[str]) -> bool:
    return any(re.search(r"(?<![A-Za-z\\])[A-Za-df-hj-z](?![A-Za-z])", side) for side in sides)


def _named(name: re.Match[str], sides: list[str], reader: Reader) -> Form | None:
    value = reader(sides[-1])
    if value.kind in ("words", "formula") and len(sides[-1]) > 40:
        return None
    called = name["name"]
    if called in _COORDINATES and not name["of"]:
        as_curve = (
            _implicit(sides)
            if len(sides) == 2 and value.kind == "expression" and not value.slots
            else None
        )
        if as_curve is not None:
            return replace(as_curve, also=(value.own, *value.also))
    return _labelled(called, value)


def _labelled(name: str, value: Form) -> Form:
    """A symbol is a mark; a word such as "Area" says nothing."""
    symbol = re.sub(r"[\\{} ']|mathrm|text", "", name)
    segment = len(symbol) == 2 and symbol.isupper()
    if len(symbol) > 1 and "_" not in symbol and not name.startswith("\\") and not segment:
        return value
    return marked(value, "name", symbol, value.kind, f"{symbol} = {value.shown}")


def _implicit(sides: list[str]) -> Form | None:
    """Two sides are one curve with others whose difference is a multiple of theirs."""
    try:
        left, right = read_term(sides[0]), read_term(sides[1])
        whole = read_term(f"({sides[0]})-({sides[1]})")
    except NotTerm:
        return None
    if not whole.names or not (left.names or right.names):
        return None
    key = _up_to_factor(whole)
    return None if key is None else Form("equation", key, f"{sides[0]} = {sides[1]}")


def _up_to_factor(term: Term) -> Key | None:
    values = [inexact(v) for v in term.values if v is not None]
    if len(values) < 2 or not values[0]:
        return None
    return ("equation", term.names, tuple(rounded(v / values[0]) for v in values[1:]))


def _inequality(text: str, reader: Reader) -> Form | None:
    sides = at_top(text, _ORDER)
    if not 2 <= len(sides) <= 3 or not all(sides):
        return None
    found = [m[0].replace(r"\le", "<=").replace(r"\ge", ">=") for m in _ORDER.finditer(text)]
    if len(found) != len(sides) - 1:
        return None
    if len(sides) == 3:
        return _between(sides, found, reader)
    (low, high), sign = sides, found[0]
    if _NAME.fullmatch(high) and not _NAME.fullmatch(low):
        low, high, sign = high, low, sign.translate(str.maketrans("<>", "><"))
    size = _SIZE.fullmatch(low)
    if not _NAME.fullmatch(low) and not size:
        return None
    bound = reader(high)
    if bound.kind in ("words", "formula"):
        return None
    if size:
        return _within(size["name"], high, bound, sign, reader)
    closed = sign.endswith("=")
    if sign.startswith("<"):
        shown = f"(-infinity, {bound.shown}{']' if closed else ')'}"
        form = interval("(", ("infinite", "-"), bound.own, "]" if closed else ")", shown)
    else:
        shown = f"{'[' if closed else '('}{bound.shown}, infinity)"
        form = interval("[" if closed else "(", bound.own, ("infinite", "+"), ")", shown)
    return _labelled(low, form)


def _within(name: str, high: str, bound: Form, sign: str, reader: Reader) -> Form:
    """``|x| < 2`` is (-2, 2), ``|x| > 2`` what lies outside."""
    least, closed = reader(f"-({high})"), sign.endswith("=")
    if sign.startswith("<"):
        left, right = ("[", "]") if closed else ("(", ")")
        shown = f"{left}{least.shown}, {bound.shown}{right}"
        return _labelled(name, interval(left, least.own, bound.own, right, shown))
    left, right = ("]", "[") if closed else (")", "(")
    outer = (
        interval("(", ("infinite", "-"), least.own, left, "").own,
        interval(right, bound.own, ("infinite", "+"), ")", "").own,
    )
    order = tuple(sorted(outer, key=repr))
    shown = f"outside {least.shown} and {bound.shown}"
    return _labelled(name, Form("interval", ("union", order), shown))


def _between(sides: list[str], signs: list[str], reader: Reader) -> Form | None:
    low, middle, high = sides
    if not _NAME.fullmatch(middle) or {s[0] for s in signs} not in ({"<"}, {">"}):
        return None
    if signs[0][0] == ">":
        low, high, signs = high, low, signs[::-1]
    left, right = "[" if signs[0].endswith("=") else "(", "]" if signs[1].endswith("=") else ")"
    a, b = reader(low), reader(high)
    if "words" in (a.kind, b.kind):
        return None
    return _labelled(
        middle, interval(left, a.own, b.own, right, f"{left}{a.shown}, {b.shown}{right}")
    )
