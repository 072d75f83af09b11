"""No pruning: the other control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from arrol_serve.pruning.survival import GroupView, Verdict


@dataclass(frozen=True, slots=True)
class Never:
    """Every rollout survives; probes only record scores."""

    name: ClassVar[str] = "never"
    waits: ClassVar[bool] = False
    late: ClassVar[bool] = False

    def judge(self, scores: Mapping[int, float], view: GroupView) -> dict[int, Verdict]:
        del view
        return {index: Verdict(survives=True, survival=1.0) for index in scores}
