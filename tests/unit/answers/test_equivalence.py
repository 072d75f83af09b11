"""Which answers say the same. Everything is asked both ways round."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arrol_serve.answers.equivalence import equivalent, readable

SAME = [
    ("1/2", "0.5"),
    ("1/2", r"\frac12"),
    ("0.5", r"\frac{1}{2}"),
    (r"\dfrac{1}{2}", r"\frac 1 2"),
    ("2 1/2", "2.5"),
    (r"2\frac12", "5/2"),
    (r"-\frac12", r"\frac{-1}{2}"),
    ("1/3", "0.333333"),
    ("\N{MINUS SIGN}3", "-3"),
    ("1,234", "1234"),
    ("1e5", "100000"),
    (r"1\times 10^{5}", "100000"),
    (r"\$3", "3"),
    ("5.", "5"),
    (r"50\%", "50%"),
    (r"50\%", "0.5"),
    ("5", r"5\text{ cm}"),
    ("x=5", "5"),
    (r"\(5\)", "$5$"),
    (r"\sqrt{2}/2", r"\frac{1}{\sqrt{2}}"),
    ("(x-1)(x+1)", "x^2-1"),
    ("10!", "3628800"),
    ("[0,1]", r"\left[0, 1\right]"),
    (r"1 \le x \le 2", "[1,2]"),
    (r"\{1,2\}", r"\{2,1\}"),
    ("3,-3", r"\pm 3"),
    ("(1,2)", "( 1, 2 )"),
    ("(B)", "B"),
    ("B", r"\text{B}"),
    ("Paris", "paris"),
    (r"\text{Friday}", "Friday"),
]
DIFFERENT = [
    ("1/2", "1/3"),
    ("7", "1/2"),
    ("1/3", "0.33"),
    ("0.0000001", "0.0000002"),
    ("1/1000000", "1/1000001"),
    ("1000000", "1000001"),
    ("2 1/2", "21/2"),
    ("12", "1 2"),
    ("(1,2)", "(2,1)"),
    ("[0,1]", "(0,1)"),
    ("2x", "2y"),
    ("A", "B"),
    ("E", "e"),
    ("listen", "silent"),
    ("yes", "no"),
    (r"\infty", r"-\infty"),
    (r"\frac{1}{", r"\frac{2}{"),
    ("1/0", "2/0"),
    ("x = 3\ny = 4", "y = 4"),
    ("9" * 5000, "8" * 5000),
    ('{"a":"1, 2"}', '{"a":"1,2"}'),
    ('{"name":"f","arguments":{"x":"1/2"}}', '{"name":"f","arguments":{"x":"0.5"}}'),
    ("", "0"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_same(a: str, b: str) -> None:
    assert equivalent(a, b)
    assert equivalent(b, a)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_different(a: str, b: str) -> None:
    assert not equivalent(a, b)
    assert not equivalent(b, a)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (r"\dfrac12", r" \frac{1}{2} ", True),
        ("1,234", "1234", True),
        ("1/2", "0.5", False),
        ("Paris", "paris", False),
    ],
)
def test_exact_compares_spelling_without_its_noise(a: str, b: str, same: bool) -> None:
    assert equivalent(a, b, "exact") is same


@pytest.mark.parametrize(
    ("gold", "fine"),
    [("42", True), ("$x^2$", True), ("The Beatles", True), ("", False), (r"\frac{1}{", False)],
)
def test_readable(gold: str, fine: bool) -> None:
    assert readable(gold) is fine


@given(st.integers(-999, 999), st.integers(1, 60), st.integers(1, 9))
def test_a_fraction_equals_itself_in_every_spelling(top: int, under: int, factor: int) -> None:
    sign = "-" if top < 0 else ""
    latex = rf"{sign}\frac{{{abs(top)}}}{{{under}}}"
    assert equivalent(latex, f"{top * factor}/{under * factor}")


@settings(max_examples=200)
@given(st.text('0123456789./-+ ,%eE{}[]()$\\"fracABx\n', max_size=12))
def test_whatever_the_answer_it_equals_itself(answer: str) -> None:
    assert equivalent(answer, answer)
