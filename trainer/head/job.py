"""What ``arrol-train head`` is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainer.prompts.chat import Turns
from trainer.sections import PLAIN_CHAT, ChatSection

Labels = Literal["gold", "majority"]


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask, the right answer, and the temperature to sample rollouts at."""

    text: str
    gold: str | None
    """None: nobody knows it; for labels by majority."""
    temperature: float = 1.0
    before: Turns = ()
    """What was said before it."""


@dataclass(frozen=True, slots=True)
class HeadJob:
    """What to make. ``work`` keeps the sampled shards: an interrupted job goes on from there."""

    model: Path
    name: str
    questions: Sequence[Question]
    positions: tuple[int, ...]
    work: Path
    out: Path
    samples: int = 16
    max_tokens: int = 256
    probe: int | None = None
    seed: int = 0
    recompute: bool = False
    """Whether transformers computes the features from the kept rollouts, instead of the engine."""
    layers: tuple[int, ...] = ()
    """Others than the last, to be compared with it."""
    chat: ChatSection = PLAIN_CHAT
    top_p: float = 1.0
    top_k: int = 0
    """0: no such filter."""
    license: str = ""
    """The head's licence, which whoever makes it chooses."""
    labels: Labels = "gold"
    """Right is what the gold says, or what a confident majority of the question's rollouts says."""
