"""What a reader made of a text."""

from __future__ import annotations

from typing import NamedTuple


class Found(NamedTuple):
    """``answer`` is None where the text states none; ``why`` says what marked it, or what is missing."""

    answer: str | None
    why: str


def nothing(why: str) -> Found:
    return Found(None, why)
