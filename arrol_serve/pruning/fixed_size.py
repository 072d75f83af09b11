"""A draw of a fixed number with unequal chances, each of them exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

CLOSE = 1e-9


def draw(chances: Sequence[float], coin: float) -> list[bool]:
    """Who is drawn: each with exactly its chance, over all coins in [0, 1), and as many as chances add up to.

    Systematic sampling (Madow 1949): the chances are laid end to end, and a comb of step 1 that begins at
    ``coin`` hits those that are drawn. A sum that is not whole is rounded up or down by the coin. Whoever
    stands near each other seldom is drawn together, so the order of ``chances`` spreads the draw.
    """
    drawn, hits = [], 0
    for end in accumulate(chances):
        whole = round(end)
        if abs(end - whole) >= CLOSE:
            whole = math.floor(end)
        # The comb's teeth before this end. ``ceil(end - coin)`` rounds where the coin is nearly 1.
        now = whole + (end - whole > max(coin, CLOSE))
        drawn.append(now > hits)
        hits = max(hits, now)
    return drawn


def raised(chances: Sequence[float], least: float) -> list[float]:
    """The chances, drawn towards 1 all alike as far as ``least`` are to be drawn."""
    total, count = math.fsum(chances), len(chances)
    if least >= count:
        return [1.0] * count
    if math.floor(total + CLOSE) >= least:
        return list(chances)
    share = (least - total) / (count - total)
    return [chance + share * (1 - chance) for chance in chances]
