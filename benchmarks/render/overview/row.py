"""A goal as a row of the table."""

from __future__ import annotations

Row = tuple[str, str, str]
"""Goal, measured, met."""


def met(values: list[bool], each: str = "") -> str:
    some = f"with {sum(values)} of {len(values)} {each}"
    return "yes" if all(values) else some if any(values) else "**no**"
