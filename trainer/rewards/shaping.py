"""Rewards shaped from what a reply is worth."""

from __future__ import annotations

from trainer.sections import RewardSection


def reward(value: float, tokens: int, max_tokens: int, config: RewardSection) -> float:
    """What the policy is rewarded with for a reply worth ``value``, from 0 to 1."""
    base = config.wrong + (config.right - config.wrong) * value
    return base + overlong(tokens, max_tokens, config.overlong_tokens) * config.overlong_factor


def overlong(tokens: int, longest: int, margin: int) -> float:
    """DAPO's soft punishment (arXiv 2503.14476, equation 13), in [-1, 0].

    0 up to ``longest - margin`` tokens, then falling in a line to -1 at ``longest``.
    """
    if margin == 0 or tokens <= longest - margin:
        return 0.0
    return max(-1.0, (longest - margin - tokens) / margin)
