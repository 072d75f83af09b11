"""What one reward function made of one reply."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

Problem = Literal["timeout", "crash", "raised", "nonsense", "unscored"]
PROBLEMS: tuple[Problem, ...] = ("timeout", "crash", "raised", "nonsense", "unscored")
"""``nonsense``: it returned no such number as it must; ``unscored``: no function applied."""


@dataclass(frozen=True, slots=True)
class Part:
    """``value`` None: there is none, for the reason in ``problem``, or because it does not apply."""

    value: float | None
    problem: Problem | None = None
    said: str = ""
    """What it said or did instead."""


NOT_APPLICABLE = Part(None)


def number(value: Any) -> float:
    """NaN for what is none."""
    if isinstance(value, str | bytes):
        return math.nan
    try:
        return float(value)
    except Exception:  # noqa: BLE001  # a user's object may raise anything
        return math.nan
