"""Judged groups made by hand."""

from __future__ import annotations

from collections.abc import Sequence

from arrol_serve.rollout import PRUNED_STOP_REASON
from trainer.engines.sampling import SampledRollout
from trainer.groups.judged import JudgedGroup, JudgedRollout
from trainer.prompts.prompt import Prompt


def rollout(
    correct: bool | None, propensity: float = 1.0, *, pruned: bool = False, tokens: int = 4
) -> JudgedRollout:
    """One that passed a probe where ``propensity`` is below 1, or fell there where ``pruned``."""
    probes = [(2, 0.0, propensity)] if propensity < 1 or pruned else []
    sampled = SampledRollout(
        group="0",
        index=0,
        text="",
        token_ids=tuple(range(tokens)),
        finish_reason="stop",
        stop_reason=PRUNED_STOP_REASON if pruned else None,
        report={"probes": probes},
        prompt_ids=(1, 2),
        logprobs=(-1.0,) * tokens,
    )
    return JudgedRollout(sampled, None if pruned else correct, float(bool(correct)))


def group(rollouts: Sequence[JudgedRollout], number: int = 0, estimate: float = 0.5) -> JudgedGroup:
    prompt = Prompt(f"q{number}", "level 1", "?", "1")
    return JudgedGroup(number, prompt, estimate, tuple(rollouts))
