"""The arms that really run in the engine, all with the same seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arrol_serve.rollout import fate_of
from trainer.engines.sampling import GroupRequest, SampledRollout, sample_groups
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import Reply
from trainer.prompts.chat import Messages, messages
from trainer.sections import PLAIN_CHAT, ChatSection
from trainer.seeds import seed_for

UNPRUNED, ADAPTIVE = "unpruned", "adaptive-online"
AGREEMENT = 0.95
"""Probability of staying ahead at which an adaptive vote is decided."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How every arm samples."""

    samples: int = 16
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    """0: no such filter."""
    max_tokens: int = 256
    seed: int = 0
    probe: int = 32
    keep: float = 0.5
    warmup: int = 8
    """Rollouts that show what confidence to ask for, in the online arms."""
    window: int = 16
    """Tokens whose mean confidence they look at."""
    chat: ChatSection = PLAIN_CHAT

    def messages(self, item: Item) -> Messages:
        """What the model is asked."""
        return messages(self.chat, item.question, item.before)

    def chats(self, items: Iterable[Item]) -> dict[str, Messages]:
        """The same of each, by what it is called in messages."""
        return {item.where or item.id: self.messages(item) for item in items}


def policy_of(arm: str, keep: float) -> Mapping[str, Any] | None:
    """The survival policy of an arm; None: nobody is pruned."""
    names = {"pruned": "top_fraction", "random-pruned": "random"}
    return {"name": names[arm], "keep": keep} if arm in names else None


def seed_of(settings: Settings, question: str) -> int:
    """The seed of a question's first rollout, by its id; the next has one more. 31 bits: some servers
    take no more.

    Hashed: runs of two seeds share no sample, but by a chance of about N in a billion a question.
    """
    return seed_for("evaluation", settings.seed, question) % 2**31


def sample(engine: Any, arm: str, items: Sequence[Item], settings: Settings) -> list[list[Reply]]:
    """Replies of ``items`` in one arm."""
    policy = policy_of(arm, settings.keep)
    requests = [
        GroupRequest(
            f"{arm}/{item.id}",
            item.question,
            seed=seed_of(settings, item.id),
            before=item.before,
            chat=settings.chat,
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=settings.top_k,
            probes=() if policy is None else (settings.probe,),
            policy=policy,
            signals=("confidence", "quality"),
        )
        for item in items
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
