"""Prune what is probably wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from arrol_serve.pruning.survival import GroupView, Verdict, number


@dataclass(frozen=True, slots=True)
class Threshold:
    """A rollout whose calibrated probability sigmoid(score) is under ``threshold`` dies at once."""

    threshold: float
    name: ClassVar[str] = "threshold"
    waits: ClassVar[bool] = False
    late: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checked = number("threshold", self.threshold, 0.0, 1.0, open_low=True)
        object.__setattr__(self, "threshold", checked)

    def judge(self, scores: Mapping[int, float], view: GroupView) -> dict[int, Verdict]:
        living = view.alive + view.finished
        verdicts = {}
        for index in sorted(scores):
            dies = sigmoid(scores[index]) < self.threshold and living > view.min_survivors
            living -= dies
            verdicts[index] = Verdict(survives=not dies, survival=1.0)
        return verdicts


def sigmoid(logit: float) -> float:
    """1 / (1 + e^-logit), safe for any finite logit."""
    return 1 / (1 + math.exp(-max(-500.0, min(500.0, logit))))
