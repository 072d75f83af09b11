"""What a tree is worth at a point: exactly where it can be, else to 50 digits. Always cheap.

Nothing here expands: powers and factorials that would not fit are ``TooLarge``.
"""

from __future__ import annotations

import copyreg
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import mpmath  # type: ignore[import-untyped]

from arrol_serve.answers.terms.parse import Tree

MAX_BITS = 1 << 15
MAX_FACTORIAL = 2500
MAX_TERMS = 100
"""Terms of a sum or factors of a product."""
DIGITS = 50
Value = Any
"""``Fraction``, or mpmath's ``mpf`` or ``mpc``."""
_ZERO = mpmath.mpf(10) ** -40
mp = mpmath.mp.clone()
mp.dps = DIGITS


def _restored(raw: tuple[int, int, int, int]) -> Any:
    return mp.make_mpf(raw)


# The clone's numbers belong to a class that pickle cannot find: workers send them back.
copyreg.pickle(mp.mpf, lambda value: (_restored, (value._mpf_,)))


class TooLarge(ArithmeticError):
    """It would take too long to evaluate."""


def evaluate(tree: Tree, point: Mapping[str, Value]) -> Value:
    """Raises ``ArithmeticError`` or ``ValueError`` where the tree has no finite value."""
    kind = tree[0]
    if kind == "num":
        return tree[1]
    if kind == "var":
        return point[tree[1]]
    if kind == "const":
        return {"pi": mp.pi * 1, "e": mp.e * 1, "i": mp.mpc(0, 1), "inf": mp.inf}[tree[1]]
    if kind in ("sum", "prod"):
        return _repeated(tree, point)
    arguments = [evaluate(part, point) for part in tree[1:] if isinstance(part, tuple)]
    if kind == "fn":
        return _function(tree[1], arguments[0])
    return _OPERATIONS[kind](*arguments)


def _repeated(tree: Tree, point: Mapping[str, Value]) -> Value:
    kind, name, low, high, body = tree
    first, last = evaluate(low, point), evaluate(high, point)
    if not all(isinstance(n, Fraction) and n.denominator == 1 for n in (first, last)):
        raise TooLarge("a sum without whole bounds")
    if last - first > MAX_TERMS:
        raise TooLarge("a long sum")
    total: Value = Fraction(0 if kind == "sum" else 1)
    for n in range(int(first), int(last) + 1):
        value = evaluate(body, {**point, name: Fraction(n)})
        total = _add(total, value) if kind == "sum" else _mul(total, value)
    return total


def inexact(value: Value) -> Value:
    if isinstance(value, Fraction):
        return mp.mpf(value.numerator) / value.denominator
    return value


def _add(a: Value, b: Value) -> Value:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return _bounded(a + b)
    x, y = inexact(a), inexact(b)
    total = x + y
    if abs(total) < _ZERO * max(abs(x), abs(y)):
        return Fraction(0)  # what cancels to the last digits is nothing
    return total


def _mul(a: Value, b: Value) -> Value:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return _bounded(a * b)
    if 0 in (a, b):
        return Fraction(0)
    return inexact(a) * inexact(b)


def _div(a: Value, b: Value) -> Value:
    if b == 0:
        raise ZeroDivisionError("division by zero")
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return _bounded(a / b)
    return inexact(a) / inexact(b)


def _pow(a: Value, b: Value) -> Value:
    if isinstance(b, Fraction) and b.denominator == 1 and isinstance(a, Fraction):
        bits = max(a.numerator.bit_length(), a.denominator.bit_length())
        if a == 0 and b < 0:
            raise ZeroDivisionError("zero to a negative power")
        if a in (0, 1, -1) or abs(b) * bits <= MAX_BITS:
            return a ** (int(b) % 2 + 2 if a in (1, -1) else int(b))
    if abs(inexact(b)) > 10**9:
        raise TooLarge("a power tower")
    if isinstance(b, Fraction) and b.denominator > 1:
        return _root(_pow(a, Fraction(b.numerator)), Fraction(b.denominator))
    return _finite(mp.power(inexact(a), inexact(b)))


def _root(a: Value, order: Value) -> Value:
    n = int(order) if isinstance(order, Fraction) and order.denominator == 1 else 0
    if isinstance(a, Fraction) and 0 < n < 64 and (a >= 0 or n % 2):
        exact = _exact_root(abs(a), n)
        if exact is not None:
            return exact if a >= 0 else -exact
        value = mp.root(inexact(abs(a)), n)
        return value if a >= 0 else -value
    if order == 0:
        raise ZeroDivisionError("root of order zero")
    return _finite(mp.power(inexact(a), 1 / inexact(order)))


def _exact_root(a: Fraction, n: int) -> Fraction | None:
    parts = []
    for whole in (a.numerator, a.denominator):
        if whole.bit_length() > 4096:
            return None
        near = int(mp.nint(mp.root(whole, n))) if whole.bit_length() < 160 else -1
        if near < 0 or near**n != whole:
            return None
        parts.append(near)
    return Fraction(parts[0], parts[1])


def _factorial(a: Value) -> Value:
    if isinstance(a, Fraction) and a.denominator == 1 and a >= 0:
        if a > MAX_FACTORIAL:
            raise TooLarge("a large factorial")
        return Fraction(int(mpmath.libmp.ifac(int(a))))
    if abs(inexact(a)) > 10**6:
        raise TooLarge("a large factorial")
    return _finite(mp.gamma(inexact(a) + 1))


def _binomial(a: Value, b: Value) -> Value:
    whole = all(isinstance(x, Fraction) and x.denominator == 1 for x in (a, b))
    if whole and 0 <= a <= MAX_FACTORIAL:
        return Fraction(0) if not 0 <= b <= a else _choose(a, b)
    if max(abs(inexact(a)), abs(inexact(b))) > 10**6:
        raise TooLarge("a large binomial")
    return _finite(mp.binomial(inexact(a), inexact(b)))


def _choose(a: Fraction, b: Fraction) -> Fraction:
    return _div(_factorial(a), _mul(_factorial(b), _factorial(a - b)))  # type: ignore[no-any-return]


def _function(name: str, a: Value) -> Value:
    if name == "abs":
        return abs(a)
    if name in ("floor", "ceil"):
        value = a if isinstance(a, Fraction) else mp.re(a)
        if abs(value) > 10**40:
            raise TooLarge("a large floor")
        whole = mp.floor(inexact(value)) if name == "floor" else mp.ceil(inexact(value))
        return Fraction(int(whole))
    x = inexact(a)
    if abs(x) > 10**8 and name != "ln":
        raise TooLarge("a large argument")
    if name == "ln":
        if a == 0:
            raise ZeroDivisionError("logarithm of zero")
        return Fraction(0) if a == 1 else mp.log(x)
    value = _FUNCTIONS[name](x)
    return Fraction(0) if abs(value) < _ZERO and name != "exp" else _finite(value)


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > 2 * MAX_BITS:
        raise TooLarge("too many digits")
    return value


def _finite(value: Value) -> Value:
    if not mp.isfinite(value):
        raise ValueError("no finite value")
    return value


_FUNCTIONS = {
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "cot": mp.cot, "sec": mp.sec, "csc": mp.csc,
    "arcsin": mp.asin, "arccos": mp.acos, "arctan": mp.atan, "arccot": mp.acot,
    "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "exp": mp.exp,
}  # fmt: skip
_OPERATIONS: dict[str, Any] = {
    "add": _add,
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "root": _root,
    "fact": _factorial,
    "binom": _binomial,
    "neg": lambda a: -a,
}
