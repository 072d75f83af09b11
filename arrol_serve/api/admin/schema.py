"""What the admin routes take and give."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW
from arrol_serve.pruning.registry import policy_from_spec

MAX_GROUP = 4096
"""Rollouts of one group."""


class Strict(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class HeadRequest(Strict):
    path: str
    """A head's folder, on the server's machine."""
    version: str | None = None
    """What to call it; left out: the version in its ``head.json``."""


class HeadReply(BaseModel):
    version: str
    versions: list[str]
    """The version of every worker's head; all are equal."""


class Weights(BaseModel):
    """By worker, the bits of all its weights, read as integers and added up modulo 2**64."""

    received: list[int | None]
    """The sum of what it read in the last update by files; null: none."""
    held: list[int | None]
    """The sum of its parameters; null: some are packed away, as on CPUs."""


class Status(BaseModel):
    version: str
    """The version of arrol-serve."""
    model: str
    weight_version: str
    head_versions: list[str | None]
    """By worker."""
    heads_in_use: list[int]
    """By worker; more than 1 while searches go on that began with an older head."""
    paused: bool
    tasks: int
    """asyncio tasks of the server's process; on an idle server always the same few."""
    weight_transfer: str
    """vLLM's weight-transfer backend."""
    logprobs_mode: str
    max_model_len: int
    world_size: int
    """Workers that receive weights."""


class RolloutsRequest(Strict):
    """One rollout group: token ids in, token ids out. Rollout i is sampled with seed + i."""

    prompt_token_ids: list[int] = Field(min_length=1)
    samples: int = Field(ge=1, le=MAX_GROUP)
    seed: int = Field(ge=0, lt=2**62)
    temperature: float = Field(gt=0, le=2)
    max_tokens: int = Field(ge=1)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    """0: no such filter."""
    stop: list[str] = []
    """Strings that end a rollout."""
    logprobs: bool = True
    """Whether to return the log-probability of each sampled token."""
    probes: list[int] = []
    """Rising counts of generated tokens at which the survival policy looks."""
    policy: dict[str, Any] = {"name": "never"}
    """A survival policy by name, with its parameters."""
    min_survivors: int = Field(default=1, ge=1)
    signals: list[Literal["quality", "confidence"]] = []
    prune_by: Literal["quality", "confidence"] = "quality"
    confidence_window: int = Field(default=CONFIDENCE_WINDOW, ge=1, le=CONFIDENCE_WINDOW)
    record: list[int] | None = None
    """Token counts at which to keep the head's inputs, besides the last token; None: keep none."""
    to_end: bool = True
    """Whether last tokens are scored, and recorded, too; false: nothing past the last of ``probes`` and
    ``record``, of which a CPU then computes nothing."""

    @model_validator(mode="after")
    def _sound(self) -> RolloutsRequest:
        for name in ("probes", "record"):
            counts = getattr(self, name) or []
            if any(a >= b for a, b in zip((0, *counts), counts, strict=False)):
                raise ValueError(f"{name} must be positive token counts in rising order")
        if self.stop and self.record is not None:
            raise ValueError(
                "stop strings are found after the engine has gone on, so that no last token could be "
                "recorded: leave out stop or record"
            )
        policy_from_spec(self.policy)
        return self


class Features(BaseModel):
    """The head's inputs at recorded positions, aligned; with ``to_end`` the last token comes last."""

    indices: list[int]
    tokens: list[int]
    width: int
    data: str
    """Base64 of float32 numbers, little-endian, [positions, width]."""


class RolloutReply(BaseModel):
    index: int
    text: str
    token_ids: list[int]
    logprobs: list[float]
    """In the engine's ``logprobs_mode``; empty: not asked for."""
    finish_reason: str | None
    stop_reason: int | str | None
    report: dict[str, Any]
    """The engine's: scores, and the survival probability at each probe."""


class RolloutsReply(BaseModel):
    weight_versions: list[str]
    """Which weights sampled them; more than one where weights came in between."""
    rollouts: list[RolloutReply]
    features: Features | None
