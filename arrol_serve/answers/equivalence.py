"""Whether two answers say the same. Pure; sympy, which few answers need, may never return."""

from __future__ import annotations

from arrol_serve.answers import symbolic
from arrol_serve.answers.kinds.form import Form
from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.normal import normalise
from arrol_serve.answers.partition import same
from arrol_serve.answers.reading import form_of
from arrol_serve.answers.spec import Equivalence

__all__ = ["equivalent", "needs_sympy", "normalise", "readable", "resolved", "why"]


def equivalent(a: str, b: str, how: Equivalence = "math", extract: str = "auto") -> bool:
    """Same answer. ``exact`` compares normalised strings, ``math`` what the answers are.

    Reflexive and symmetric. By itself 50% equals both 50 and 0.5, and 5 both "5 cm" and "5 m"; in a
    vote each joins one of them (``partition``), so that no chain makes 50 equal to 0.5.
    """
    x, y = form_of(a, extract, how), form_of(b, extract, how)
    if same(x, y) or not needs_sympy(x, y):
        return same(x, y)
    return same(resolved(x), resolved(y))


def needs_sympy(a: Form, b: Form) -> bool:
    """Whether two different forms could still be equal once sympy has evaluated them."""
    return a.own != b.own and (a.hard is not None or b.hard is not None)


def resolved(form: Form) -> Form:
    """What sympy makes of a form that only it can evaluate; others as they are."""
    if form.hard is None:
        return form
    return symbolic.resolve(form.hard) or form


def readable(answer: str) -> bool:
    """Whether more can be done with ``answer`` than compare its letters."""
    form = kind_of(answer)
    if form.kind != "formula":
        return bool(answer.strip())
    return symbolic.parsed(answer.strip().strip("$")) is not None


def why(a: Form, b: Form) -> str:
    """The reason in words, for people."""
    if a.own == b.own:
        return f"both are {a.shown}"
    if same(a, b):
        return (
            f"one of {a.shown} ({a.kind}) and {b.shown} ({b.kind}) leaves open what the other says"
        )
    return f"{a.shown} ({a.kind}) is not {b.shown} ({b.kind})"
