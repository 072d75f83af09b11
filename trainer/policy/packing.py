"""Which rollouts go through the model together, by a budget of padded tokens; and on which rank."""

from __future__ import annotations

import math
from collections.abc import Sequence


def pack(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices of ``lengths`` in micro-batches whose rows times longest row stay within ``budget``.

    Longest first, so that little is padding. A row above the budget goes alone.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batches: list[list[int]] = []
    for index in order:
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def pack_for(lengths: Sequence[int], budget: int, ranks: int) -> list[list[int]]:
    """As ``pack``, with a smaller budget where some ranks would have nothing to do otherwise."""
    return (
        pack(lengths, min(budget, math.ceil(sum(lengths) / ranks)))
        if ranks > 1
        else pack(lengths, budget)
    )


def share(
    batches: Sequence[list[int]], lengths: Sequence[int], rank: int, ranks: int
) -> list[tuple[list[int], bool]]:
    """Every ``ranks``-th micro-batch from ``rank`` on, the same number for each rank.

    Sharded passes wait for each other, so a rank without a micro-batch of its own runs the shortest
    row as a filler (False), which must not count.
    """
    if not batches:
        return []
    filler = [min(range(len(lengths)), key=lambda i: lengths[i])]
    rounds = range(rank, math.ceil(len(batches) / ranks) * ranks, ranks)
    return [(batches[i], True) if i < len(batches) else (filler, False) for i in rounds]
