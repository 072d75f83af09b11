"""The control: as many die as under ``top_fraction``, but blindly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from arrol_serve.pruning.survival import GroupView, Verdict, keep_best, number, uniform
from arrol_serve.pruning.top_fraction import ratio


@dataclass(frozen=True, slots=True)
class RandomDrop:
    """Keeps a seeded random ``keep`` of the live members, whatever their scores."""

    keep: float
    name: ClassVar[str] = "random"
    waits: ClassVar[bool] = True
    late: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep", number("keep", self.keep, 0.0, 1.0, open_low=True))

    def judge(self, scores: Mapping[int, float], view: GroupView) -> dict[int, Verdict]:
        order = sorted(scores, key=lambda i: (uniform(view.seed, view.probe, i), i))
        share, before = ratio(self.keep, view), len(view.earlier)
        quota = [math.ceil(n * share - 1e-9) for n in (before, before + len(order))]
        return keep_best(order, quota[1] - quota[0], view)
