"""What a step has sampled: rollouts with their verdicts, in groups."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from arrol_serve.engine.plugin.recording import FeatureRecord
from arrol_serve.rollout import PRUNED_STOP_REASON
from trainer.engines.sampling import SampledRollout
from trainer.prompts.prompt import Prompt


@dataclass(frozen=True, slots=True)
class JudgedRollout:
    """A rollout with its verdict; ``correct`` is None for a pruned one, and without a verdict."""

    sampled: SampledRollout
    correct: bool | None
    reward: float
    problem: str | None = None
    """Why there is no verdict on one that was not pruned."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """What each reward function gave."""
    chance: float = 1.0
    """The probability that it was asked for, in a group of adaptive size."""

    @property
    def pruned(self) -> bool:
        return self.sampled.stop_reason == PRUNED_STOP_REASON

    @property
    def survival(self) -> float:
        """The probability with which it was let live at all its probes; 1: never at risk."""
        return math.prod(survival for _, _, survival in self.sampled.report.get("probes", ()))

    @property
    def propensity(self) -> float:
        """The probability with which it is there to be counted."""
        return self.chance * self.survival


@dataclass(frozen=True, slots=True)
class JudgedGroup:
    """All rollouts of one prompt. ``estimate``: its success rate as expected beforehand."""

    number: int
    prompt: Prompt
    estimate: float
    rollouts: tuple[JudgedRollout, ...]
    chance: float = 1.0
    """The probability that it was sampled in full, given its first rollouts."""
    whole: bool = True
    """Whether it was; the others teach the head and the history, not the policy."""

    @property
    def survivors(self) -> list[JudgedRollout]:
        """Those that can be trained on."""
        return [rollout for rollout in self.rollouts if rollout.correct is not None]

    @property
    def mixed(self) -> bool:
        """Whether right and wrong ones survived; shaped rewards do not count."""
        return len({rollout.correct for rollout in self.survivors}) == 2


@dataclass(slots=True)
class Experience:
    """What one step sampled."""

    groups: list[JudgedGroup]
    features: FeatureRecord
    cursor: int
    """Number of the next prompt."""
