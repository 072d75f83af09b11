"""How the policy is updated."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer.sections.section import Section


class AlgorithmSection(Section):
    clip_low: float | None = Field(default=None, gt=0, lt=1)
    """None: 0.2; with ``sequence_ratio`` 3e-4."""
    clip_high: float | None = Field(default=None, gt=0)
    """None: 0.28; with ``sequence_ratio`` 4e-4. Equal to ``clip_low``: GRPO; larger: DAPO's clip-higher."""
    sequence_ratio: bool = False
    """GSPO (arXiv 2507.18071): one importance ratio a sequence, the geometric mean of its tokens'. Its
    ratios hardly leave 1, hence its own clips."""
    dr_grpo: bool = False
    """Advantages not divided by the spread, loss divided by a constant."""
    correction: Literal["none", "snips", "ipw"] = "none"
    """For pruning: ``none`` as in the paper. ``snips``: 1 / propensity, normalised in each group, which
    leaves prompts whose rollouts were pruned more with less weight. ``ipw``: not normalised in groups, so
    that every prompt counts as if nothing had been pruned."""
    train_of_group: int = Field(default=0, ge=0)
    """Survivors of each group that are trained on, those whose rewards vary most (PODS, arXiv 2504.13818);
    0: all. Their gradient is not an estimate of that of all rollouts."""
    old: Literal["trainer", "engine"] = "trainer"
    """Whose log-probabilities ratios start from. ``engine``: those that rollouts were sampled with, which
    saves a pass over all minibatches but the first; exact as far as engine and trainer agree, which
    ``mismatch_limit`` watches."""
    mismatch_limit: float = Field(default=0.01, gt=0)
    """For ``old = "engine"``: mean k3 distance of engine and trainer, seen in the first minibatch, above
    which the trainer computes the old ones itself until the next generation."""
    kl_weight: float = Field(default=0.0, ge=0)
    """Weight of the k3 estimate of the distance to the initial model."""
    truncate_ratio: float = Field(default=2.0, ge=1)
    """Cap of the importance weight between engine and trainer."""

    @model_validator(mode="after")
    def _sound(self) -> AlgorithmSection:
        if self.train_of_group == 1:
            raise ValueError("train_of_group must be 0, or 2 and more: one rollout has no baseline")
        if self.train_of_group and self.correction != "none":
            raise ValueError(
                'train_of_group chooses by rewards, which correction cannot undo: use "none"'
            )
        return self

    @property
    def clips(self) -> tuple[float, float]:
        """How far the ratio may fall below and rise above 1 before the gain stops growing."""
        low, high = (3e-4, 4e-4) if self.sequence_ratio else (0.2, 0.28)
        return self.clip_low or low, self.clip_high or high


class OptimSection(Section):
    name: Literal["adamw", "adamw8bit"] = "adamw"
    """``adamw8bit``: its means take 2 bytes a weight instead of 8; needs the extra ``bitsandbytes``."""
    lr: float = Field(default=1e-6, gt=0)
    """Learning rate after the warm-up."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How it falls to 0 over the run."""
    warmup: int = Field(default=0, ge=0)
    """Steps in which the learning rate rises to ``lr``."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled, as in AdamW."""
    clip_norm: float = Field(default=1.0, gt=0)
    """Norm above which a gradient is scaled down."""
    minibatches: int = Field(default=1, ge=1)
    """Optimizer steps per batch of rollouts. Old log-probabilities of all but the first minibatch are
    computed before it."""
    tokens_per_pass: int = Field(default=8192, ge=1)
    """Padded tokens per forward and backward pass; gradients accumulate over passes."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """What passes, the engine in this process and exports compute with; weights and optimizer keep
    float32. ``auto``: bfloat16 on a GPU."""
    gradient_checkpointing: bool = False
    """Keep only each layer's input for the backward pass and compute the rest again: less memory."""


class LoraSection(Section):
    rank: int = Field(default=0, ge=0)
    """Rank of the trained adapters; 0: the whole model is trained."""
    alpha: int = Field(default=32, ge=1)
    """The adapters' product counts ``alpha / rank`` times."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout of the adapters' inputs, in passes with gradient only."""
    target_modules: tuple[str, ...] = ()
    """Last parts of the names of adapted layers, such as ``q_proj``; none: every linear layer but the
    output layer."""
