"""The learning rate by step."""

from __future__ import annotations

import math

from trainer.sections import OptimSection


def learning_rate(config: OptimSection, step: int, steps: int) -> float:
    """The rate of ``step`` (from 0) of ``steps``: a linear warm-up, then the schedule down to 0."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, steps - config.warmup)
    if config.schedule == "linear":
        return config.lr * (1 - done)
    if config.schedule == "cosine":
        return config.lr * (1 + math.cos(math.pi * done)) / 2
    return config.lr
