"""Lists as people write them."""

from __future__ import annotations

from collections.abc import Sequence


def listed(values: Sequence[object]) -> str:
    """``0, 1, 2``."""
    return ", ".join(map(str, values))


def levels(values: Sequence[int]) -> str:
    """``level 6``, or ``levels 6, 7``."""
    return f"level{'s' * (len(values) > 1)} {listed(values)}"
