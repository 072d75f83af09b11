"""The first and the last of a list: what a text that repeats itself holds in between says no more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

KEPT = 12
"""At either end."""
T = TypeVar("T")


def ends(found: Iterable[T], kept: int = KEPT) -> list[T]:
    every = list(found)
    return every if len(every) <= 2 * kept else every[:kept] + every[-kept:]
