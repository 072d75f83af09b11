"""How weights reach the engines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trainer.sections.section import Section


class SyncSection(Section):
    backend: Literal["path", "ipc", "nccl"] = "path"
    """``path``: files; ``ipc``: an engine on the trainer's GPU; ``nccl``: replicas on other GPUs."""
    lora: Literal["auto", "adapters", "merged"] = "auto"
    """With ``lora.rank``: ``adapters`` sends these alone, by ``path``, and engines merge them into the model
    that they were started with; ``merged`` sends all weights. ``auto``: adapters to an engine in this
    process, as long as what it merges is bit by bit what the trainer would have sent."""
    address: str = "127.0.0.1"
    """Where replicas find the trainer's NCCL group: an address of this machine that they reach."""
    port: int = Field(default=29577, ge=1, le=65535)
    """And at which port."""
    max_gap: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    """How far the log-probabilities of trainer and engine may lie apart after a sync, in nats a token, on
    average over those sampled; ``auto``: by ``optim.dtype``, see ``trainer.precision``."""
    probe_tokens: int = Field(default=16, ge=1)
    """Sampled to compare them."""
