"""Closed forms and expressions with variables, and formulas that only sympy reads."""

from __future__ import annotations

import re
from fractions import Fraction

from arrol_serve.answers.kinds.form import Form, Key, number
from arrol_serve.answers.terms.evaluate import mp
from arrol_serve.answers.terms.term import Term, read_term
from arrol_serve.answers.terms.tokens import NotTerm

_HARD = re.compile(
    r"\\(?:sum|prod|int|iint|oint|lim|partial|nabla|max|min|gcd|lcm|det)(?![A-Za-z])"
)
_DOTS = re.compile(r"\\ldots|\.\.")
_CHEMICAL = re.compile(r"(?=.*[0-9])(?:[A-Z][a-z]?(?:_(?:[0-9]|\{[0-9]+\}))?)+")
"""``H_2O`` is also spelt ``H2O``."""
MAX_HARD = 300


def read(text: str) -> Form | None:
    """``text`` is clean."""
    if len(text) > 2000:
        return None
    try:
        term = read_term(text)
    except NotTerm:
        return None
    return _form(term, text)


def _form(term: Term, text: str) -> Form:
    if term.exact is not None:
        decimals = re.fullmatch(r".*?\.([0-9]{6,}).*", text) if not term.names else None
        return number(term.exact, "expression", len(decimals[1]) if decimals else None)
    if term.names:
        also: tuple[Key, ...] = (
            (("formula", re.sub(r"[_{}]", "", text)),) if _CHEMICAL.fullmatch(text) else ()
        )
        if text in ("a", "b", "c", "d"):
            also = (("choice", text.upper()),)
        return Form("expression", term.key, text, also)
    value = term.values[0]
    shown = mp.nstr(value, 12) if not isinstance(value, Fraction) else str(value)
    real = value if not isinstance(value, mp.mpc) else None
    return Form("expression", term.key, shown, (), (("core", term.key),), real)


def formula(text: str) -> Form:
    """Anything else: by its letters, spaces apart; sympy may know more of integrals, sums and limits."""
    bare = re.sub(r"(?<![A-Za-z]) | (?![A-Za-z])", "", text)
    bare = re.sub(r"(?<!\\)\{([A-Za-z0-9])\}", r" \1", bare)
    bare = re.sub(r"(?<![A-Za-z]) |(?<=[A-Za-z]) (?=[0-9])", "", bare)
    hard = text if _HARD.search(text) and not _DOTS.search(text) and len(text) <= MAX_HARD else None
    return Form("formula", ("formula", bare), bare, hard=hard)
