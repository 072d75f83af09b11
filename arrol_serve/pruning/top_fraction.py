"""Keep the best part of the group."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from arrol_serve.pruning.survival import GroupView, Verdict, keep_top, number


@dataclass(frozen=True, slots=True)
class TopFraction:
    """The best ``keep`` of those that come to the last probe survive it.

    Several probes get there in equal ratios: after each of m probes a share keep^(1/m) lives on.
    """

    keep: float
    name: ClassVar[str] = "top_fraction"
    waits: ClassVar[bool] = True
    late: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep", number("keep", self.keep, 0.0, 1.0, open_low=True))

    def judge(self, scores: Mapping[int, float], view: GroupView) -> dict[int, Verdict]:
        return keep_top(scores, ratio(self.keep, view), view)


def ratio(keep: float, view: GroupView) -> float:
    """The share that this probe lets live: the number that were started sets the goal."""
    after = [
        max(1, math.ceil(view.size * keep ** (i / view.probes) - 1e-9))
        for i in range(view.probes + 1)
    ]
    share: float = after[view.probe + 1] / after[view.probe]
    return share
