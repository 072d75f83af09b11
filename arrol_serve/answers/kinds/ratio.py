"""Ratios: ``6:8``, ``3 to 4``, ``1:2:3``."""

from __future__ import annotations

import re
from fractions import Fraction

from arrol_serve.answers.kinds.form import Form, Key

_RATIO = re.compile(
    r"(?P<a>[0-9]+(?:\.[0-9]+)?)(?P<rest>(?:[ ]?(?::|to)[ ]?[0-9]+(?:\.[0-9]+)?){1,4})"
)


def read(text: str) -> Form | None:
    """``6:8`` is ``3:4``, and is what 3/4 may mean."""
    found = _RATIO.fullmatch(text)
    if not found:
        return None
    values = [Fraction(n) for n in re.findall(r"[0-9]+(?:\.[0-9]+)?", text)]
    if not all(values):
        return None
    scaled = tuple(value / values[-1] for value in values)
    also: tuple[Key, ...] = (("num", scaled[0]),) if len(values) == 2 else ()
    return Form("ratio", ("ratio", *scaled), ":".join(str(v) for v in scaled), also)
