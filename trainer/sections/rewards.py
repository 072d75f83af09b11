"""What a rollout is worth."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from trainer.sections.section import Section


class RewardSection(Section):
    function: str = "auto"
    """``auto``: ``gym`` for reasoning-gym's tasks, else ``math``; ``exact``; ``module:function``, TRL's
    reward functions too; ``https://...``: a server; or a registered name. See ``trainer.rewards.functions``
    and ``remote``."""
    functions: tuple[str, ...] = ()
    """Several of them in place of ``function``. The first that applies to a reply says if it is right."""
    weights: tuple[float, ...] = ()
    """What each of them counts in the sum; none: 1 each."""
    threshold: float = Field(default=0.5, gt=0, le=1)
    """Value of the first function from which the head and dynamic sampling count a rollout as right."""
    right: float = 1.0
    """What a value of 1 is rewarded with."""
    wrong: float = 0.0
    """And one of 0; values between get what lies between."""
    overlong_tokens: int = Field(default=0, ge=0)
    """DAPO's soft punishment starts so many tokens before ``rollout.max_tokens``; 0: none."""
    overlong_factor: float = Field(default=1.0, ge=0)
    """What that takes off the reward at ``rollout.max_tokens``."""
    truncated: Literal["wrong", "graded", "left_out"] = "wrong"
    """What a rollout is that was cut off at ``rollout.max_tokens``: ``wrong`` whatever it says, since it has
    no vote when the model is served; ``graded`` like others; ``left_out`` of the update."""
    timeout_s: float = Field(default=5.0, gt=0)
    """Seconds that one call or request may take; a call's process is killed then."""
    workers: int = Field(default=1, ge=1)
    """Calls or requests at once."""
    batch: int = Field(default=0, ge=0)
    """Replies in one call of a function that takes lists, or in one request; 0: all there are."""
    completions: Literal["auto", "text", "messages"] = "auto"
    """How such functions and servers get prompts and replies. ``auto``: as texts, or as messages where the
    row holds messages, which is what TRL does."""
    retries: int = Field(default=3, ge=0)
    """How often a request is repeated that a server did not answer or was too busy for; pauses grow."""
    key_env: str = "ARROL_REWARD_KEY"
    """The environment variable with the key that servers get as a bearer token."""

    @model_validator(mode="after")
    def _sums_up(self) -> RewardSection:
        if self.functions and self.function != "auto":
            raise ValueError("function and functions are both set: name all of them in functions")
        names = self.functions or (self.function,)
        if len(set(names)) < len(names):
            raise ValueError("a function is named twice")
        if self.weights and len(self.weights) != len(names):
            raise ValueError(f"{len(self.weights)} weights for {len(names)} functions")
        if self.weights and not any(self.weights):
            raise ValueError("all weights are 0: nothing would be rewarded")
        for name in names:
            if "://" in name and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", name):
                raise ValueError(f"{name!r} is not the URL of a server (https://HOST/PATH)")
        return self
