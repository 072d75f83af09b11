r"""Congruences and orders of growth: ``x \equiv 3 \pmod 5``, ``3 mod 5``, ``O(n \log n)``."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from arrol_serve.answers.kinds.form import Form, Key, marked

Reader = Callable[[str], Form]
_CONGRUENT = re.compile(
    r"(?:(?P<name>[A-Za-z](?:[ ]?_[ ]?[A-Za-z0-9])?)[ ]?(?:\\equiv|=)[ ]?)?(?P<rest>[^=()]{1,40}?)[ ]?"
    r"\(?[ ]?\\?(?:p|b)?mod(?:ulo)?(?![A-Za-z])[ ]?(?:\{(?P<group>[^{}]{1,20})\}"
    r"|(?P<modulus>[^(){}]{1,20}))[ ]?\)?"
)
_GROWTH = re.compile(
    r"(?P<sign>\\?(?:Theta|Omega)|\\mathcal[ ]?\{?[ ]?O[ ]?\}?|[Oo])[ ]?\([ ]?(?P<of>.{1,60})[ ]?\)"
)
_LOG = re.compile(r"(?<!\\)(?:log|lg|ln)(?=[ ]?[A-Za-z(0-9_^])")


def read(text: str, reader: Reader) -> Form | None:
    """``text`` is clean; ``reader`` reads a part."""
    return _growth(text, reader) if "mod" not in text else _congruence(text, reader)


def _congruence(text: str, reader: Reader) -> Form | None:
    found = _CONGRUENT.fullmatch(text)
    if not found:
        return None
    rest, modulus = (
        reader(found["rest"].strip()),
        reader((found["group"] or found["modulus"]).strip()),
    )
    if (
        not isinstance(rest.value, Fraction)
        or not isinstance(modulus.value, Fraction)
        or not modulus.value
    ):
        return None
    size = abs(modulus.value)
    least = rest.value % size
    also: tuple[Key, ...] = (("num", least),) if found["name"] is None else ()
    form = Form("congruence", ("congruent", least, size), f"{least} mod {size}", also)
    return (
        form
        if found["name"] is None
        else marked(form, "name", found["name"], form.kind, form.shown)
    )


def _growth(text: str, reader: Reader) -> Form | None:
    found = _GROWTH.fullmatch(text)
    if not found:
        return None
    of = reader(_LOG.sub(lambda m: rf"\{m[0]} ", found["of"]))
    if of.kind in ("words", "formula"):
        return None
    sign = found["sign"].strip("\\")
    sign = "O" if "mathcal" in sign else sign
    return Form("growth", ("growth", sign, of.own), f"{sign}({of.shown})")
