"""Keep the better half at every probe, or another share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from arrol_serve.pruning.survival import GroupView, Verdict, keep_top, number


@dataclass(frozen=True, slots=True)
class SuccessiveHalving:
    """At each probe the best ``keep`` of the live members survive (arXiv 1502.07943)."""

    keep: float = 0.5
    name: ClassVar[str] = "successive_halving"
    waits: ClassVar[bool] = True
    late: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep", number("keep", self.keep, 0.0, 1.0, open_low=True))

    def judge(self, scores: Mapping[int, float], view: GroupView) -> dict[int, Verdict]:
        return keep_top(scores, self.keep, view)
