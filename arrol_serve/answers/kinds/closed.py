r"""Closed forms with a unit or a noun: ``25\pi \text{ cm}^2``, ``2\sqrt{3}`` metres, ``2^{10}`` ways."""

from __future__ import annotations

import re
from fractions import Fraction

from arrol_serve.answers.kinds import expression
from arrol_serve.answers.kinds.form import Form, Key
from arrol_serve.answers.kinds.quantity import is_noun
from arrol_serve.answers.kinds.units import Unit, measure
from arrol_serve.answers.terms.evaluate import inexact
from arrol_serve.answers.terms.term import rounded

_MARK = re.compile(r"[\\^!]")
_SPLIT = re.compile(
    r"(?P<head>.*(?:[0-9})!]|\\pi))[ ]?(?P<rest>[A-Za-z°][A-Za-z°/ ]*(?:[ ]?\^[ ]?\{?-?[0-9]\}?)?)"
)
_SYMBOLS = frozenset("msNJWVKL")
"""Units of one letter that stand behind a root or a bracket; others, and those behind pi, are variables."""


def read(text: str) -> Form | None:
    """``text`` is clean."""
    if len(text) > 120 or not _MARK.search(text):
        return None
    found = _SPLIT.fullmatch(text)
    if not found:
        return None
    head, rest = found["head"], found["rest"].strip()
    if len(rest) == 1 and (rest not in _SYMBOLS or head.endswith("i")):
        return None
    known = measure(rest)
    if known is None and not (len(rest) > 3 and is_noun(rest)):
        return None
    form = expression.read(head)
    if form is None or form.value is None:
        return None
    return _counted(form, rest) if known is None else _measured(form, known)


def _counted(form: Form, noun: str) -> Form:
    return Form("quantity", form.own, f"{form.shown} {noun}", form.also, form.slots, form.value)


def _measured(form: Form, known: Unit) -> Form:
    dimension, factor = known
    worth: Key
    if isinstance(form.value, Fraction):
        worth = form.value * factor
    else:
        worth = ("real", rounded(form.value * inexact(factor)))
    also = (form.own, *form.also)
    return Form(
        "quantity",
        ("quantity", dimension, worth),
        f"{form.shown} {dimension} x {float(factor):g}",
        also,
        (("unit", (dimension, worth)),),
    )
