"""Group-relative advantages over the survivors of one prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class GroupAdvantages:
    """Aligned with the survivors: advantages, and the weights of their loss terms (mean 1)."""

    advantages: tuple[float, ...]
    weights: tuple[float, ...]


def group_advantages(
    rewards: Sequence[float],
    propensities: Sequence[float],
    *,
    snips: bool = False,
    divide: bool = True,
) -> GroupAdvantages | None:
    """A_i = (r_i - m) / (s + 1e-6) with the spread s of ddof 0; None: the group teaches nothing.

    ``snips``: m and s are weighted by w = 1 / propensity, and each loss term by w n / sum(w); the
    weights are on the gradient, never on the reward. ``divide=False``: A_i = r_i - m (Dr. GRPO).
    """
    r = np.asarray(rewards, np.float64)
    if len(r) < 2 or r.min() == r.max():
        return None
    w = 1 / np.asarray(propensities, np.float64) if snips else np.ones_like(r)
    mean = (w * r).sum() / w.sum()
    spread = np.sqrt((w * (r - mean) ** 2).sum() / w.sum())
    advantages = (r - mean) / (spread + EPSILON if divide else 1.0)
    weights = w * len(r) / w.sum()
    return GroupAdvantages(tuple(advantages.tolist()), tuple(weights.tolist()))
