"""A balance-aware variant of ARRoL's survival rule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from arrol_serve.pruning.arrol import Arrol, toss
from arrol_serve.pruning.success import likely
from arrol_serve.pruning.survival import GroupView, Verdict, number


@dataclass(frozen=True, slots=True)
class ArrolSigned(Arrol):
    """Survive with p = clip(kappa + delta +- lam (mean of the siblings' q - q), p_min, p_max).

    Minus on prompts that look hard: there likely successes are kept, on easy ones likely failures, so
    that either comes closer to balance. How hard a prompt is say its rollouts themselves, by the mean
    of q over them, drawn towards ``prompt_mean``, what was known before. As p is centred on the
    group's own mean, a group keeps about kappa whatever its difficulty, and few lose all signal.
    """

    prompt_mean: float = 0.5
    name: ClassVar[str] = "arrol_signed"
    waits: ClassVar[bool] = True

    def __post_init__(self) -> None:
        Arrol.__post_init__(self)
        object.__setattr__(self, "prompt_mean", number("prompt_mean", self.prompt_mean, 0, 1))

    def judge(self, scores: Mapping[int, float], view: GroupView) -> dict[int, Verdict]:
        q = {index: self.success(score, view.probe) for index, score in scores.items()}
        mean = math.fsum(q.values()) / max(1, len(q))  # in any order the same bits
        slope = self.lam if likely(q.values(), self.prompt_mean) >= self.rho else -self.lam
        base = self.kappa + self.shift(view.probe)
        return toss({i: self.clip(base + slope * (mean - q[i])) for i in q}, view)
