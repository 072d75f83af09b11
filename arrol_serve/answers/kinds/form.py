"""What an answer is, apart from its spelling."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

Key = Hashable
Slots = tuple[tuple[str, Hashable], ...]


@dataclass(frozen=True, slots=True)
class Form:
    """``own`` is the canonical form: answers with equal ones are equal.

    An answer may say less than others: ``5`` leaves the unit open that ``5 cm`` names, ``50%`` may be
    meant as 50 or as 0.5. Such a one may join an answer whose ``own`` is in the other's ``also``, if
    their ``slots`` do not contradict each other. ``partition`` settles who joins whom.
    """

    kind: str
    own: Key
    shown: str
    """The canonical form for people."""
    also: tuple[Key, ...] = ()
    slots: Slots = ()
    value: Any = None
    """The value of a number or a closed form: ``Fraction``, or mpmath's ``mpf``."""
    decimals: int | None = None
    """Digits after the point of a decimal that may have been rounded."""
    hard: str | None = None
    """LaTeX that only sympy can compare."""


def marked(form: Form, slot: str, mark: Hashable, kind: str, shown: str) -> Form:
    """``form`` with something that a bare answer leaves out: a unit, a coordinate's name."""
    return Form(
        kind=kind,
        own=(slot, mark, form.own),
        shown=shown,
        also=(form.own, *form.also),
        slots=((slot, mark), *form.slots),
        value=form.value,
        decimals=form.decimals,
        hard=form.hard,
    )


def name_of(form: Form) -> Hashable | None:
    """The symbol that ``form`` is said to be the value of."""
    return form.own[1] if isinstance(form.own, tuple) and form.own[0] == "name" else None


def unmarked(form: Form) -> Form:
    """``form`` without the symbol that it is the value of."""
    if name_of(form) is None:
        return form
    shown = form.shown.partition(" = ")[2]
    return replace(form, own=form.own[2], shown=shown, also=form.also[1:], slots=form.slots[1:])  # type: ignore[index]


def number(value: Fraction, kind: str, decimals: int | None = None) -> Form:
    """``decimals``: of a decimal that is long enough to have been rounded; 1.0000001 is not 1."""
    kept = value
    if decimals is not None:
        kept = shortened(value, decimals)
    exact = decimals is None
    return Form(
        kind,
        ("num" if exact else "rounded", kept),
        shown=plain(kept),
        slots=(("core", kept),) if exact else (),
        value=value,
        decimals=decimals,
    )


def shortened(value: Fraction, decimals: int) -> Fraction:
    """Cut to 6 decimals or 6 significant digits, whichever are more: decimals agree on these."""
    if decimals <= 6:
        return value
    places = 6
    size = abs(value)
    while size and size * 10**places < 10**5 and places < decimals:
        places += 1
    return Fraction(round(value * 10**places), 10**places)


def plain(value: Fraction) -> str:
    """``7``, ``0.25`` or ``1/3``; long ones by their size."""
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > 4000:
        return (
            f"a number of {value.numerator.bit_length()} bits over {value.denominator.bit_length()}"
        )
    if value.denominator == 1:
        return str(value.numerator)
    return f"{value.numerator}/{value.denominator}"
