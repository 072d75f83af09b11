"""What only sympy can evaluate: sums, integrals, limits. It may never return: see ``pool``."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import Any

from arrol_serve.answers.kinds.form import Form, number
from arrol_serve.answers.terms.evaluate import mp
from arrol_serve.answers.terms.quadrature import integral
from arrol_serve.answers.terms.term import POINTS, fingerprint, places, rounded, settled

# It warns that its time-outs are off. They use SIGALRM, which works on main threads only.
logging.getLogger("math_verify").setLevel(logging.ERROR)
_DIGITS = 40


def resolve(formula: str) -> Form | None:
    """The canonical form of a formula: its value, or its fingerprint; None: sympy cannot tell."""
    number_found = integral(formula)
    if number_found is not None:
        return _real(settled(number_found))
    expression = parsed(formula)
    if expression is None:
        return None
    value = expression.doit()
    names = sorted(str(symbol) for symbol in value.free_symbols)
    if not names:
        return _constant(value)
    values = tuple(_at(value, i) for i in range(POINTS))
    if any(v is None for v in values):
        return None
    return Form("expression", ("function", tuple(names), fingerprint(values)), formula)


def parsed(formula: str) -> Any:
    """The sympy expression that math-verify reads in LaTeX, or None.

    LaTeX only: its other reader picks any number out of what it cannot parse.
    """
    import sympy  # type: ignore[import-untyped]
    from math_verify import LatexExtractionConfig, parse

    config = [LatexExtractionConfig()]
    found = parse(f"${formula}$", extraction_config=config, parsing_timeout=None)
    return next((value for value in found if isinstance(value, sympy.Expr)), None)


def _constant(value: Any) -> Form | None:
    if value.is_Rational:
        return number(Fraction(int(value.p), int(value.q)), "expression")
    exact = _number(value.evalf(_DIGITS))
    return None if exact is None else _real(exact)


def _real(exact: Any) -> Form:
    if isinstance(exact, Fraction):
        return number(exact, "expression")
    key = ("real", rounded(exact))
    real = None if isinstance(exact, mp.mpc) else exact
    return Form("expression", key, mp.nstr(exact, 12), (), (("core", key),), real)


def _at(value: Any, point: int) -> Any:
    import sympy

    at = places([str(symbol) for symbol in value.free_symbols], point)
    floats = {s: sympy.Float(mp.nstr(at[str(s)], 50), 50) for s in value.free_symbols}
    return _number(value.evalf(_DIGITS, subs=floats))


def _number(value: Any) -> Any:
    real, imaginary = value.as_real_imag()
    if not (real.is_Float or real.is_Rational) or not (imaginary.is_Float or imaginary.is_Rational):
        return None
    x, y = mp.mpf(str(real)), mp.mpf(str(imaginary))
    return mp.mpc(x, y) if y else x
