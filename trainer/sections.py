"""Every setting of a training run, by the tables of its recipe."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

PruneMode = Literal["arrol", "arrol_signed", "random", "none"]


class Section(BaseModel):
    """A table of the recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="wrap")
    @classmethod
    def _one_is_a_list_of_one(
        cls, value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        """``prune.probes=16`` is ``[16]``."""
        field = cls.model_fields[str(info.field_name)]
        alone = get_origin(field.annotation) is tuple and isinstance(value, str | int | float)
        return check([value] if alone else value)


class RunSection(Section):
    out: str = "runs/policy"
    """The run's folder."""
    model: str = "bundled"
    """A local folder with a Hugging Face checkpoint; ``bundled``: the model that ships."""
    steps: int = Field(default=100, ge=1)
    seed: int = Field(default=0, ge=0)
    rank_timeout_s: float = Field(default=1800.0, gt=0)
    """Seconds that a rank of ``torchrun`` waits for the others; longer than a step's rollouts take."""


class DataSection(Section):
    source: str = "arithmetic"
    """A JSONL, JSON, CSV, TSV or Parquet file; ``hub:NAME``: a Hugging Face dataset, by id or folder;
    ``gym``: generated ``tasks`` of reasoning-gym; ``arithmetic``: generated questions of ``levels``."""
    levels: tuple[int, ...] = (6,)
    tasks: tuple[str, ...] = ()
    """Such as ``chain_sum`` or ``chain_sum?min_terms=3``, taken in turn."""
    subset: str = ""
    split: str = "train"
    """Of a Hugging Face dataset."""
    question: str = "auto"
    """The field with the question, a text or messages; dots lead into nested ones, as in
    ``prompt.0.content``. ``auto``: found by its name, see ``trainer.prompts.columns``."""
    answer: str = "auto"
    """The field with the right answer; ``auto`` as above."""
    answer_after: str = ""
    """What the answer follows in its field, such as ``####``. Empty: that mark, or a box, where all answers
    have it; else the field is the answer."""
    broken_rows: Literal["refuse", "skip"] = "refuse"
    revisit: float = Field(default=1.0, gt=0, le=1)
    """With which probability a prompt is asked again whose rollouts were all right or all wrong; to the
    power of how often in a row (GRESO, arXiv 2506.02177). 1: always. Prompts that seldom teach anything
    count less for it: what is trained is no longer the mean over all prompts."""
    revisit_floor: float = Field(default=0.1, gt=0, le=1)
    """The least probability, so that they come back when the policy has changed."""


class ChatSection(Section):
    """How questions are put to the model; see ``trainer.prompts.chat``."""

    system: str = ""
    """The system message of rows that have none of their own."""
    template: dict[str, Any] = {}
    """What the model's chat template takes, such as ``{enable_thinking = false}``."""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Strings that end a reply; they are not part of it."""


PLAIN_CHAT = ChatSection()


class RolloutSection(Section):
    prompts: int = Field(default=8, ge=1)
    """Prompts, that is rollout groups, a step."""
    batches: int = Field(default=1, ge=1)
    """Steps that one generation is for: it samples ``batches`` times ``prompts`` groups, so that places which
    fall free are taken by the next ones. Steps after the first are off-policy by as many steps
    (``off_policy`` in the metrics), which the importance weight between engine and trainer corrects."""
    samples: int = Field(default=16, ge=2)
    """Rollouts a prompt."""
    temperature: float = Field(default=1.0, gt=0, le=2)
    max_tokens: int = Field(default=1024, ge=2)
    sequences: int = Field(default=128, ge=1)
    """Rollouts that the engine generates at once."""
    max_model_len: int = Field(default=2048, ge=16)
    """Tokens of prompt and rollout together."""
    gpu_memory: float = Field(default=0.4, gt=0, lt=1)
    """Share of a GPU's memory for an engine in this process; the trainer needs the rest."""
    dynamic_rounds: int = Field(default=1, ge=1)
    """DAPO's dynamic sampling: rounds of refilling for prompts without signal; 1: no refilling."""
    replicas: tuple[str, ...] = ()
    """Admin ports of running ``arrol-serve``, such as ``http://10.0.0.2:8001``; none: an engine here."""
    replica_key_env: str = "ARROL_ADMIN_KEY"
    """The environment variable with their key."""
    replica_timeout_s: float = Field(default=600.0, gt=0)
    """Seconds without an answer after which a replica is given up; longer than a group takes."""

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
    keep: float = Field(default=0.5, gt=0, le=1)
    """Share of the rollouts at risk that is to survive all probes: the paper's kappa at one probe."""
    probes: tuple[int, ...] = (512,)
    rho: float = Field(default=0.5, ge=0, le=1)
    lam: float = Field(default=0.5, ge=0, le=2)
    p_min: float = Field(default=0.1, gt=0, le=1)
    p_max: float = Field(default=0.9, gt=0, le=1)
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
        return self


class HeadSection(Section):
    train: Literal["auto", "always"] = "auto"
    """``auto``: where ``prune.mode`` needs a head."""
    width: int = Field(default=64, ge=1)
    lr: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    updates: int = Field(default=16, ge=1)
    """Optimizer steps of the head per step of the policy."""
    rows: int = Field(default=256, ge=2)
    """Recorded positions per optimizer step of the head."""
    window: int = Field(default=8192, ge=16)
    """Recorded positions remembered."""
    bins: int = Field(default=128, ge=2)
    decay: float = Field(default=0.9, gt=0, le=1)
    """What a step leaves of the posterior's older counts."""


class RewardSection(Section):
    function: str = "auto"
    """``auto``: ``gym`` for reasoning-gym's tasks, else ``math``; ``exact``; ``module:function``, TRL's
    reward functions too; ``https://...``: a server; or a registered name. See ``trainer.rewards.functions``
    and ``remote``."""
    functions: tuple[str, ...] = ()
    """Several of them in place of ``function``. The first that applies to a reply says if it is right."""
    weights: tuple[float, ...] = ()
    """What each of them counts in the sum; none: 1 each."""
    threshold: float = Field(default=0.5, gt=0, le=1)
    """Value of the first function from which the head and dynamic sampling count a rollout as right."""
    right: float = 1.0
    wrong: float = 0.0
    overlong_tokens: int = Field(default=0, ge=0)
    """DAPO's soft punishment starts so many tokens before ``rollout.max_tokens``; 0: none."""
    overlong_factor: float = Field(default=1.0, ge=0)
    truncated: Literal["wrong", "graded", "left_out"] = "wrong"
    """What a rollout is that was cut off at ``rollout.max_tokens``: ``wrong`` whatever it says, since it has
    no vote when the model is served; ``graded`` like others; ``left_out`` of the update."""
    timeout_s: float = Field(default=5.0, gt=0)
    """Seconds that one call or request may take; a call's process is killed then."""
    workers: int = Field(default=1, ge=1)
    """Calls or requests at once."""
    batch: int = Field(default=0, ge=0)
    """Replies in one call of a function that takes lists, or in one request; 0: all there are."""
    completions: Literal["auto", "text", "messages"] = "auto"
    """How such functions and servers get prompts and replies. ``auto``: as texts, or as messages where the
    row holds messages, which is what TRL does."""
    retries: int = Field(default=3, ge=0)
    """Of a request that a server did not answer or was too busy for, with growing pauses."""
    key_env: str = "ARROL_REWARD_KEY"
    """The environment variable with the key that servers get as a bearer token."""

    @model_validator(mode="after")
    def _sums_up(self) -> RewardSection:
        if self.functions and self.function != "auto":
            raise ValueError("function and functions are both set: name all of them in functions")
        names = self.functions or (self.function,)
        if len(set(names)) < len(names):
            raise ValueError("a function is named twice")
        if self.weights and len(self.weights) != len(names):
            raise ValueError(f"{len(self.weights)} weights for {len(names)} functions")
        if self.weights and not any(self.weights):
            raise ValueError("all weights are 0: nothing would be rewarded")
        for name in names:
            if "://" in name and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", name):
                raise ValueError(f"{name!r} is not the URL of a server (https://HOST/PATH)")
        return self


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
    """Of the k3 estimate of the distance to the initial model."""
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
    lr: float = Field(default=1e-6, gt=0)
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
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
    """Of the trained adapters; 0: the whole model is trained."""
    alpha: int = Field(default=32, ge=1)
    """The adapters' product counts ``alpha / rank`` times."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Of the adapters' inputs, in passes with gradient only."""
    target_modules: tuple[str, ...] = ()
    """Last parts of the names of adapted layers, such as ``q_proj``; none: every linear layer but the
    output layer."""


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
    max_gap: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    """Largest log-probability difference between trainer and engine after a sync, in nats; ``auto``:
    by ``optim.dtype``, see ``trainer.precision``."""
    probe_tokens: int = Field(default=16, ge=1)


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
