"""Which of several answers are one: a partition that depends on the answers alone, not on their order.

Equal canonical forms are one answer. What says less than others joins one of them: a bare 5 joins
"5 cm" or "5 m", but never both; 50% joins 50 or 0.5; a decimal of 6 digits or more joins the exact value
that it is rounded from. Where there is a choice the larger group wins, then the order of the forms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from arrol_serve.answers.kinds.form import Form
from arrol_serve.answers.terms.evaluate import inexact, mp

FLOAT_DIGITS = 12
"""Decimals of which no person writes down so many."""


def partition(forms: Sequence[Form]) -> list[int]:
    """For each form the number of its group, counted in the order of first appearance."""
    first: dict[Hashable, int] = {}
    members: dict[Hashable, list[Form]] = defaultdict(list)
    for form in forms:
        first.setdefault(form.own, len(first))
        members[form.own].append(form)
    if len(first) == 1 or not any(map(is_ambiguous, forms)):
        return [first[form.own] for form in forms]
    groups = _Groups(members)
    for _, a, b in sorted(_edges(members), key=lambda e: e[0]):
        groups.join(a, b)
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(groups.root(f.own), len(numbers)) for f in forms]


def is_ambiguous(form: Form) -> bool:
    """Whether it may join an answer that it does not equal."""
    return bool(form.also) or form.decimals is not None


def same(a: Form, b: Form) -> bool:
    """Whether two answers are one, by themselves."""
    return a.own == b.own or partition((a, b)) == [0, 0]


class _Groups:
    """Unions that refuse what contradicts itself."""

    def __init__(self, members: dict[Hashable, list[Form]]) -> None:
        self._parent: dict[Hashable, Hashable] = {own: own for own in members}
        self._slots = {own: _slots(found) for own, found in members.items()}

    def root(self, own: Hashable) -> Hashable:
        while self._parent[own] != own:
            own = self._parent[own]
        return own

    def join(self, a: Hashable, b: Hashable) -> None:
        a, b = self.root(a), self.root(b)
        mine, theirs = self._slots[a], self._slots[b]
        if a != b and all(theirs.get(name, value) == value for name, value in mine.items()):
            self._parent[b] = a
            mine.update(theirs)


def _slots(forms: Sequence[Form]) -> dict[str, Hashable]:
    found: dict[str, Hashable] = {}
    for form in forms:
        found.update(form.slots)
    return found


def _edges(members: dict[Hashable, list[Form]]) -> Iterator[tuple[Any, Hashable, Hashable]]:
    for own, forms in members.items():
        for form in {f.also: f for f in forms}.values():
            for rank, other in enumerate(form.also):
                if other in members and other != own:
                    yield _priority(members, own, other, rank), other, own
        for other in _rounded_from(own, forms, members):
            yield _priority(members, own, other, 0), other, own


def _priority(members: dict[Hashable, list[Form]], a: Hashable, b: Hashable, rank: int) -> Any:
    return -len(members[a]) - len(members[b]), rank, sorted((repr(a), repr(b)))


def _rounded_from(
    own: Hashable, forms: Sequence[Form], members: dict[Hashable, list[Form]]
) -> Iterator[Hashable]:
    """Exact values that the decimal ``own`` may be rounded from."""
    decimals = {(f.value, f.decimals) for f in forms if f.decimals is not None}
    value = next((value for value, _ in decimals), None)
    if not isinstance(value, Fraction):
        return
    near = float(value) if abs(value) < 10**300 else 0.0
    for other, candidates in members.items():
        exact = candidates[0]
        if other == own or exact.value is None or exact.decimals is not None:
            continue
        far = abs(_float(exact.value) - near) > abs(near) * 1e-4 + 1e-300
        if not far and any(_rounds_to(exact.value, *decimal) for decimal in decimals):
            yield other


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return 0.0


def _rounds_to(exact: Any, decimal: Fraction, places: int) -> bool:
    """Rounded or cut at its last digit, or a float that a program printed. Never 1e-7 = 2e-7."""
    gap, last = abs(inexact(exact) - inexact(decimal)), mp.mpf(10) ** -places
    if gap > abs(inexact(decimal)) / 100_000:
        return False
    near = 1e-7 if places >= FLOAT_DIGITS else 1e-11
    cut = abs(inexact(decimal)) < abs(inexact(exact)) and gap < last * mp.mpf("0.999999")
    return bool(cut or gap <= last * mp.mpf("0.51") or gap <= abs(inexact(decimal)) * near)
