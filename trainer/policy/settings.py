"""What the updates of the policy depend on."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.sections import AlgorithmSection, LoraSection, OptimSection


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """The policy's own sections, and what it needs to know of the run and its rollouts."""

    algorithm: AlgorithmSection
    optim: OptimSection
    lora: LoraSection
    seed: int
    steps: int
    """Steps of the whole run, for the schedule."""
    temperature: float
    """That rollouts are sampled with, so that log-probabilities are comparable."""
    max_tokens: int
    """Longest rollout: Dr. GRPO's constant denominator."""
