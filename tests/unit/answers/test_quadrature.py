"""Definite integrals by number."""

from __future__ import annotations

import pytest

from arrol_serve.answers.equivalence import equivalent
from arrol_serve.answers.spelling import clean
from arrol_serve.answers.terms.quadrature import integral

WORTH = [
    (r"\int_0^1 x^2 dx", r"\frac13"),
    (r"\int_{0}^{\pi} \sin x \, dx", "2"),
    (r"\int_1^2 \frac{1}{x} dx", r"\ln 2"),
    (r"\int_0^1 x e^{x} dx", "1"),
    (r"\int_0^{2\pi} \sin^2 t dt", r"\pi"),
    (r"\int_{-1}^1 x^3 dx", "0"),
]
LEFT_TO_SYMPY = [
    r"\int_{-1}^{1} \frac{1}{x} dx",
    r"\int_{-1}^{1} \frac{1}{x^3} dx",
    r"\int_0^{\pi} \tan x dx",
    r"\int_0^1 \lfloor 3x \rfloor dx",
    r"\int_0^1 \frac{1}{\sqrt{x}} dx",
    r"\int_0^\infty e^{-x} dx",
    r"\int_0^1 a x dx",
    r"\int x dx",
    r"\int_0^1 \int_0^x y dy dx",
    "7",
]


@pytest.mark.parametrize(("formula", "closed"), WORTH)
def test_an_integral_is_its_closed_form(formula: str, closed: str) -> None:
    assert integral(clean(formula)) is not None
    assert equivalent(formula, closed)
    assert not equivalent(formula, f"{closed} + 10^{{-15}}")


@pytest.mark.parametrize("formula", LEFT_TO_SYMPY)
def test_poles_steps_and_endless_ranges_have_no_number(formula: str) -> None:
    """The pole of 1/x cancels in a symmetric rule; it is no zero."""
    assert integral(formula) is None
