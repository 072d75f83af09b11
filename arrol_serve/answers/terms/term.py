"""A formula's identity: its exact value, or its values at fixed points.

Two expressions are taken for the same function where they agree to 20 digits at three points that
depend on the variables' names alone: their *fingerprint*. That is an equivalence relation, and costs a
reading each instead of a comparison a pair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from arrol_serve.answers.terms.evaluate import TooLarge, Value, evaluate, inexact, mp
from arrol_serve.answers.terms.parse import Tree, parse
from arrol_serve.answers.terms.tokens import NotTerm

KEPT = 20
"""Significant digits of a fingerprint."""
POINTS = 3


@dataclass(frozen=True, slots=True)
class Term:
    """``exact``: its rational value; ``values``: at each point; a constant has but one."""

    tree: Tree
    names: tuple[str, ...]
    exact: Fraction | None
    values: tuple[Value, ...]

    @property
    def key(self) -> Hashable:
        if self.exact is not None:
            return ("num", self.exact)
        if not self.names:
            return ("real", rounded(self.values[0]))
        return ("function", self.names, fingerprint(self.values))


def read_term(text: str, sign: int = 1) -> Term:
    """Raises ``NotTerm`` for what is no formula, and for one that has no finite value or is too large."""
    try:
        tree = parse(text, sign)
        names = tuple(sorted(set(_names(tree))))
        if names:
            values = tuple(_at(tree, names, i) for i in range(POINTS))
            if all(v is None for v in values):
                raise NotTerm("no value anywhere")
            return _settled(Term(tree, names, None, values))
        value = settled(evaluate(tree, {}))
    except TooLarge as error:
        raise NotTerm(f"too large: {error}") from error
    except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
        raise NotTerm(str(error)) from error
    return Term(tree, (), value if isinstance(value, Fraction) else None, (value,))


def _settled(term: Term) -> Term:
    """``x - x + 2`` is 2."""
    if all(isinstance(v, Fraction) for v in term.values) and len(set(term.values)) == 1:
        return Term(term.tree, (), term.values[0], term.values[:1])
    return term


def settled(value: Value) -> Value:
    """A constant that is real or rational but for its last digits, as such: ``\\log_2 8`` is 3."""
    if isinstance(value, mp.mpc):
        if abs(value.imag) > abs(value) * mp.mpf(10) ** -35:
            return value
        value = value.real
    if isinstance(value, mp.mpf) and mp.mpf(10) ** -6 < abs(value) < 10**12:
        near = Fraction(int(mp.nint(value * 10**45)), 10**45).limit_denominator(10**6)
        if abs(inexact(near) - value) < mp.mpf(10) ** -38 * abs(value):
            return near
    return value


def fingerprint(values: Sequence[Value]) -> tuple[Hashable, ...]:
    """Where roots of negative numbers are taken, either sign of theirs will do: 1/sqrt(x), sqrt(1/x)."""
    return (*map(rounded, values[:-1]), rounded(_upper(values[-1])))


def _upper(value: Value) -> Value:
    return mp.mpc(value.real, abs(value.imag)) if isinstance(value, mp.mpc) else value


def rounded(value: Value) -> Hashable:
    if value is None:
        return None
    if isinstance(value, Fraction):
        value = inexact(value)
    if isinstance(value, mp.mpc):
        size = abs(value)
        real, imag = (
            x if abs(x) > size * mp.mpf(10) ** -35 else mp.mpf(0) for x in (value.real, value.imag)
        )
        return mp.nstr(real, KEPT), mp.nstr(imag, KEPT) if imag else ""
    return mp.nstr(value, KEPT), ""


def _at(tree: Tree, names: tuple[str, ...], number: int) -> Value:
    point = places(names, number)
    try:
        return evaluate(tree, point)
    except TooLarge:
        raise
    except (ArithmeticError, ValueError):
        return None


def places(names: Sequence[str], number: int) -> dict[str, Any]:
    """Where the ``number``-th point lies. In the last one every other coordinate is negative.

    There ``|x|`` and ``x`` part.
    """
    last = number == POINTS - 1
    return {
        name: -coordinate(name, number) if last and i % 2 == 0 else coordinate(name, number)
        for i, name in enumerate(sorted(names))
    }


def coordinate(name: str, number: int) -> Any:
    """Between 0.3 and 2.8."""
    drawn = int.from_bytes(hashlib.sha256(f"{name}:{number}".encode()).digest()[:6], "big")
    return inexact(Fraction(3, 10) + Fraction(drawn, 1 << 48) * Fraction(5, 2))


def _names(tree: Tree) -> Iterator[str]:
    if tree[0] == "var":
        yield tree[1]
    if tree[0] in ("sum", "prod"):
        yield from (n for part in tree[2:4] for n in _names(part))
        yield from (n for n in _names(tree[4]) if n != tree[1])
        return
    for part in tree[1:]:
        if isinstance(part, tuple):
            yield from _names(part)
