"""Group-relative advantages over the survivors of one prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

EPSILON = 1e-6
Correction = Literal["none", "snips", "ipw"]


@dataclass(frozen=True, slots=True)
class GroupAdvantages:
    """Aligned with the survivors: advantages, and the weights of their loss terms."""

    advantages: tuple[float, ...]
    weights: tuple[float, ...]


def group_advantages(
    rewards: Sequence[float],
    propensities: Sequence[float],
    *,
    correction: Correction = "none",
    divide: bool = True,
) -> GroupAdvantages | None:
    """A_i = (r_i - m) / (s + 1e-6) with the spread s of ddof 0; None: the group teaches nothing.

    Corrected, m and s are weighted by w = 1 / propensity, and each loss term by w n / sum(w) (``snips``)
    or by w (``ipw``); the weights are on the gradient, never on the reward. Uncorrected groups and
    ``snips`` count as many rollouts as survived, ``ipw`` as many as were sampled, on average:
    ``docs/training.md`` has the shares by difficulty. ``divide=False``: A_i = r_i - m (Dr. GRPO).
    """
    r = np.asarray(rewards, np.float64)
    if len(r) < 2 or r.min() == r.max():
        return None
    w = np.ones_like(r) if correction == "none" else 1 / np.asarray(propensities, np.float64)
    mean = (w * r).sum() / w.sum()
    spread = np.sqrt((w * (r - mean) ** 2).sum() / w.sum())
    advantages = (r - mean) / (spread + EPSILON if divide else 1.0)
    weights = w if correction == "ipw" else w * len(r) / w.sum()
    return GroupAdvantages(tuple(advantages.tolist()), tuple(weights.tolist()))


def without_signal(survivors: int) -> GroupAdvantages:
    """For a group that teaches nothing: its rollouts count in terms that need no advantage."""
    return GroupAdvantages((0.0,) * survivors, (1.0,) * survivors)
