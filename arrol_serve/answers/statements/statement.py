"""A place in a reply that states an answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Trust(IntEnum):
    """Higher ones win; among equals the last one in the text."""

    ALONE = 1
    """The reply is nothing but an answer."""
    LINE = 2
    """A last line, a conclusion: "A: 12", "#### 12", "so our selection is option B"."""
    STATED = 3
    """A box, "The answer is", a heading."""
    MARKED = 4
    """Made for machines: <answer>, an "answer" key of JSON."""


@dataclass(frozen=True, slots=True)
class Statement:
    """``text`` is what stands there, not yet freed from its dress."""

    start: int
    end: int
    text: str
    source: str
    """What marked it, in words."""
    trust: Trust
    box: bool = False
