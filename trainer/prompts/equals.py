"""Questions that stand twice in a file: no split may have them on both sides."""

from __future__ import annotations

from collections.abc import Sequence


def first_of_equals(questions: Sequence[str]) -> list[int]:
    """For each question the place of the first one with the same text, spaces and case apart."""
    seen: dict[str, int] = {}
    return [
        seen.setdefault(" ".join(text.split()).casefold(), place)
        for place, text in enumerate(questions)
    ]
