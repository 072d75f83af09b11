"""The first and the last matches: what a text that repeats itself holds in between says no more."""

from __future__ import annotations

import re
from collections.abc import Iterable

KEPT = 12
"""At either end."""


def ends(found: Iterable[re.Match[str]]) -> list[re.Match[str]]:
    matches = list(found)
    return matches if len(matches) <= 2 * KEPT else matches[:KEPT] + matches[-KEPT:]
