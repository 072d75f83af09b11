"""What a rollout is worth."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trainer.sections.section import Section


class RewardSection(Section):
    function: str = "auto"
    """``auto``: ``gym`` for reasoning-gym's tasks, else ``math``; ``exact``; ``module:function``; or a
    registered name. See ``trainer.rewards.functions``."""
    threshold: float = Field(default=0.5, gt=0, le=1)
    """Value of ``function`` from which the head and dynamic sampling count a rollout as right."""
    right: float = 1.0
    wrong: float = 0.0
    overlong_tokens: int = Field(default=0, ge=0)
    """DAPO's soft punishment starts so many tokens before ``rollout.max_tokens``; 0: none."""
    overlong_factor: float = Field(default=1.0, ge=0)
    truncated: Literal["wrong", "graded", "left_out"] = "wrong"
    """What a rollout is that was cut off at ``rollout.max_tokens``: ``wrong`` whatever it says, since it has
    no vote when the model is served; ``graded`` like others; ``left_out`` of the update."""
    timeout_s: float = Field(default=5.0, gt=0)
    """Seconds that one call may take in its process, which is killed then."""
    workers: int = Field(default=1, ge=1)
