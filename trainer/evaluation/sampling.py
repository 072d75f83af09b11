"""The arms that really run in the engine, all with the same seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arrol_serve.rollout import fate_of
from trainer.engines.sampling import GroupRequest, SampledRollout, sample_groups
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import Reply

UNPRUNED, ADAPTIVE = "unpruned", "adaptive-online"
AGREEMENT = 0.95
"""Probability of staying ahead at which an adaptive vote is decided."""
SEED_STEP = 1000
"""Between questions: no two share a seed, as long as they have fewer rollouts."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How every arm samples."""

    samples: int = 16
    temperature: float = 1.0
    max_tokens: int = 256
    seed: int = 0
    probe: int = 32
    keep: float = 0.5
    warmup: int = 8
    """Rollouts that show what confidence to ask for, in the online arms."""
    window: int = 16
    """Tokens whose mean confidence they look at."""


def policy_of(arm: str, keep: float) -> Mapping[str, Any] | None:
    """The survival policy of an arm; None: nobody is pruned."""
    names = {"pruned": "top_fraction", "random-pruned": "random"}
    return {"name": names[arm], "keep": keep} if arm in names else None


def seed_of(settings: Settings, place: int) -> int:
    """Of the first rollout of the question at this place of the evaluation; the next has one more."""
    return settings.seed + place * SEED_STEP


def sample(
    engine: Any, arm: str, items: Sequence[Item], start: int, settings: Settings
) -> list[list[Reply]]:
    """Replies of ``items``, which are questions ``start``, ``start + 1``, ... of the evaluation."""
    policy = policy_of(arm, settings.keep)
    requests = [
        GroupRequest(
            f"{arm}/{start + i}",
            item.question,
            seed=seed_of(settings, start + i),
            temperature=settings.temperature,
            probes=() if policy is None else (settings.probe,),
            policy=policy,
            signals=("confidence", "quality"),
        )
        for i, item in enumerate(items)
    ]
    groups = sample_groups(engine, requests, settings.samples, max_tokens=settings.max_tokens)
    return [[reply_of(rollout) for rollout in group] for group in groups]


def reply_of(rollout: SampledRollout) -> Reply:
    logit = rollout.report.get("quality")
    return Reply(
        text=rollout.text,
        tokens=rollout.token_count,
        fate=fate_of(rollout.finish_reason, rollout.stop_reason),
        quality=None if logit is None else 1 / (1 + math.exp(-max(-500.0, min(500.0, logit)))),
        confidence=rollout.report.get("confidence"),
    )
