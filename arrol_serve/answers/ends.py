"""The first and the last of a list: what lies between adds nothing where a text repeats itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

KEPT = 8
"""Items kept at either end."""
T = TypeVar("T")


def ends(found: Iterable[T], kept: int = KEPT) -> list[T]:
    every = list(found)
    return every if len(every) <= 2 * kept else every[:kept] + every[-kept:]
