"""Prune what the model itself is unsure of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from arrol_serve.pruning.survival import GroupView, Verdict, number

HIGHEST = 1e6


@dataclass(frozen=True, slots=True)
class ConfidenceFloor:
    """A rollout whose windowed confidence is under ``threshold`` dies at once.

    The rule of DeepConf online (arXiv 2508.15260, section 3.3), for scores that are confidences.
    """

    threshold: float
    name: ClassVar[str] = "confidence_floor"
    waits: ClassVar[bool] = False
    late: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", number("threshold", self.threshold, 0.0, HIGHEST))

    def judge(self, scores: Mapping[int, float], view: GroupView) -> dict[int, Verdict]:
        living = view.alive + view.finished
        verdicts = {}
        for index in sorted(scores):
            dies = scores[index] < self.threshold and living > view.min_survivors
            living -= dies
            verdicts[index] = Verdict(survives=not dies, survival=1.0)
        return verdicts
