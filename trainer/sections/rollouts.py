"""How rollouts are sampled and pruned, and the head that judges them."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from trainer.sections.section import Section

PruneMode = Literal["arrol", "arrol_signed", "both_ends", "random", "none"]
SCORED = ("arrol", "arrol_signed", "both_ends")
"""Modes that go by the quality head's scores."""


class RolloutSection(Section):
    prompts: int = Field(default=8, ge=1)
    """Prompts, that is rollout groups, a step."""
    batches: int = Field(default=1, ge=1)
    """Steps that one generation is for: it samples ``batches`` times ``prompts`` groups, so that places which
    fall free are taken by the next ones. Steps after the first are off-policy by as many steps
    (``off_policy`` in the metrics), which the importance weight between engine and trainer corrects."""
    samples: int = Field(default=16, ge=2)
    """Rollouts a prompt."""
    first: int = Field(default=0, ge=0)
    """Rollouts of a prompt that are asked for at first, the rest where these are not all right or all wrong;
    0: all at once."""
    flat_chance: float = Field(default=0.25, gt=0, le=1)
    """The probability that the rest is asked for all the same. Such a group then counts
    1 / ``flat_chance`` times with ``correction = "ipw"``, so that on average it is as if all had been sampled
    in full."""
    temperature: float = Field(default=1.0, gt=0, le=2)
    """Rollouts are sampled at it."""
    max_tokens: int = Field(default=1024, ge=2)
    """Of one rollout at most. It, ``max_model_len`` and ``prune.probes`` may be left out: see
    ``trainer.defaults``."""
    sequences: int = Field(default=128, ge=1)
    """Rollouts that the engine generates at once."""
    max_model_len: int = Field(default=2048, ge=16)
    """Tokens of prompt and rollout together."""
    gpu_memory: float = Field(default=0.4, gt=0, lt=1)
    """Share of a GPU's memory for an engine in this process; the trainer needs the rest."""
    sleep: bool = False
    """On a GPU, an engine in this process gives its memory back while the policy learns: its weights wait in
    main memory, its cached prefixes are forgotten. ``gpu_memory`` may then be all that the trainer's weights
    and optimizer leave, and updates have that room as well."""
    dynamic_rounds: int = Field(default=1, ge=1)
    """DAPO's dynamic sampling: rounds of refilling for prompts without signal; 1: no refilling."""
    replicas: tuple[str, ...] = ()
    """Admin ports of running ``arrol-serve``, such as ``http://10.0.0.2:8001``; none: an engine here."""
    replica_key_env: str = "ARROL_ADMIN_KEY"
    """The environment variable with their key."""
    replica_timeout_s: float = Field(default=600.0, gt=0)
    """Seconds without an answer after which a replica is given up; longer than a group takes."""

    @model_validator(mode="after")
    def _sizes(self) -> RolloutSection:
        if self.first == 1 or self.first >= self.samples:
            raise ValueError("first must be 0, or from 2 to one less than samples")
        if not self.first and self.flat_chance != type(self).model_fields["flat_chance"].default:
            raise ValueError("flat_chance is of groups with first")
        return self

    @model_validator(mode="after")
    def _urls(self) -> RolloutSection:
        for url in self.replicas:
            if not re.fullmatch(r"https?://[^\s/]+(:\d+)?/?", url):
                raise ValueError(f"{url!r} is not the URL of an admin port (http://HOST:PORT)")
        if len({url.rstrip("/") for url in self.replicas}) < len(self.replicas):
            raise ValueError("a replica is named twice")
        return self


class PruneSection(Section):
    mode: PruneMode = "arrol"
    """The survival policy, see ``docs/training.md``; ``none``: unpruned."""
    keep: float = Field(default=0.5, gt=0, le=1)
    """Share of the rollouts at risk that is to survive all probes: the paper's kappa at one probe."""
    probes: tuple[int, ...] = (256,)
    """Generated tokens at which rollouts are judged; left out: a quarter of ``rollout.max_tokens``."""
    rho: float = Field(default=0.5, ge=0, le=1)
    """The quality at which survival is neither helped nor hindered: p = kappa + delta + lam (rho - q)."""
    lam: float = Field(default=0.5, ge=0, le=2)
    """How much quality counts for survival."""
    p_min: float = Field(default=0.1, gt=0, le=1)
    """Least survival probability."""
    p_max: float = Field(default=0.9, gt=0, le=1)
    """And the largest."""
    lean: float = Field(default=0.0, ge=0, le=1)
    """For ``both_ends``: how much wider the end of the rarer outcome is."""
    min_survivors: int = Field(default=2, ge=1)
    """Rollouts of a group that live whatever the coin says."""
    cold_start: int = Field(default=20, ge=0)
    """Steps without pruning, while the head learns."""

    @model_validator(mode="after")
    def _sound(self) -> PruneSection:
        if not self.probes or any(
            a >= b for a, b in zip((0, *self.probes), self.probes, strict=False)
        ):
            raise ValueError("probes must be positive token counts in rising order")
        if self.p_min > self.p_max:
            raise ValueError("p_min is above p_max")
        if self.lean and self.mode != "both_ends":
            raise ValueError('lean is of mode "both_ends" alone')
        return self


class HeadSection(Section):
    train: Literal["auto", "always"] = "auto"
    """``auto``: where ``prune.mode`` needs a head."""
    width: int = Field(default=64, ge=1)
    """Of its hidden layer."""
    lr: float = Field(default=1e-3, gt=0)
    """Its optimizer's learning rate."""
    weight_decay: float = Field(default=1e-2, ge=0)
    """Its optimizer's, decoupled."""
    updates: int = Field(default=16, ge=1)
    """Optimizer steps of the head per step of the policy."""
    rows: int = Field(default=256, ge=2)
    """Recorded positions per optimizer step of the head."""
    window: int = Field(default=8192, ge=16)
    """Recorded positions remembered."""
    last_tokens: bool = True
    """Learn from each rollout's last token too, which is what a vote goes by. ``false``: nothing is computed
    of a rollout past its last probe, and the exported head reads last tokens as it reads probes."""
    bins: int = Field(default=128, ge=2)
    """Of the posterior, by score."""
    decay: float = Field(default=0.9, gt=0, le=1)
    """What a step leaves of the posterior's older counts."""
