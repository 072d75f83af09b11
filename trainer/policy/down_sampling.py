"""Which rollouts of a group are trained on: those whose rewards vary most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def most_varied(rewards: Sequence[float], count: int) -> list[int]:
    """Indices, in order, of the ``count`` rollouts with the largest variance of rewards.

    PODS, "Not All Rollouts are Useful: Down-Sampling Rollouts in LLM Reinforcement Learning"
    (arXiv 2504.13818): such a subset consists of the highest and the lowest rewards, so that only how many
    of each has to be tried. Of equal rewards the earlier rollouts are taken. All of them where there are no
    more than ``count``.
    """
    if len(rewards) <= count:
        return list(range(len(rewards)))
    values = np.asarray(rewards, np.float64)
    order = np.argsort(values, kind="stable")
    highest = np.argsort(-values, kind="stable")
    best, chosen = -1.0, order[:count]
    for high in range(count + 1):
        lowest = order[: count - high]
        subset = np.concatenate([highest[~np.isin(highest, lowest)][:high], lowest])
        spread = float(values[subset].var())
        if spread > best + 1e-12:
            best, chosen = spread, subset
    return sorted(chosen.tolist())
