"""The run itself: where it is kept, how long it is, and what is looked at on the way."""

from __future__ import annotations

from pydantic import Field

from trainer.sections.section import Section


class RunSection(Section):
    out: str = "runs/policy"
    """The run's folder."""
    model: str = "bundled"
    """A local folder with a Hugging Face checkpoint; ``bundled``: the model that ships."""
    steps: int = Field(default=100, ge=1)
    seed: int = Field(default=0, ge=0)
    rank_timeout_s: float = Field(default=1800.0, gt=0)
    """Seconds that a rank of ``torchrun`` waits for the others; longer than a step's rollouts take."""


class CheckpointSection(Section):
    every: int = Field(default=10, ge=1)
    keep: int = Field(default=2, ge=1)


class EvalSection(Section):
    every: int = Field(default=0, ge=0)
    """Steps between evaluations; 0: none."""
    source: str = "held_out"
    """A JSONL file or ``hub:NAME``; ``held_out``: generated questions that are never trained on."""
    split: str = "test"
    questions: int = Field(default=100, ge=1)
    samples: int = Field(default=1, ge=1)


class LogSection(Section):
    """Besides ``metrics.jsonl``, which is always written."""

    rollouts_every: int = Field(default=10, ge=0)
    """Steps between those whose rollouts are kept for ``arrol-train show``, the first among them; 0: none."""

    prometheus_port: int = Field(default=0, ge=0, le=65535)
    """Where Prometheus may scrape the figures of the last step; 0: nowhere."""
    prometheus_host: str = "127.0.0.1"
    tensorboard: bool = False
    """Into ``tensorboard/`` of the run's folder; needs the extra ``tensorboard``."""
    wandb: str = ""
    """A project of Weights & Biases; needs the extra ``wandb``."""
