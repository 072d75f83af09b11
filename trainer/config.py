"""A training run's configuration: TOML, then ``--section.key=value``; unknown keys are refused.

The settings themselves are in ``trainer.sections``. Only what puts a run together, stores or exports it
reads the whole: every room below takes the sections that concern it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from arrol_serve.errors import complaint
from trainer.defaults import fill
from trainer.errors import ConfigError
from trainer.policy.settings import PolicySettings
from trainer.recipe import apply_override, check_keys, read_recipe
from trainer.sections import (
    SCORED,
    AlgorithmSection,
    ChatSection,
    CheckpointSection,
    DataSection,
    EvalSection,
    HeadSection,
    LogSection,
    LoraSection,
    OptimSection,
    PruneSection,
    RewardSection,
    RolloutSection,
    RunSection,
    Section,
    SyncSection,
)


class TrainConfig(Section):
    run: RunSection = RunSection()
    data: DataSection = DataSection()
    chat: ChatSection = ChatSection()
    rollout: RolloutSection = RolloutSection()
    engine: dict[str, Any] = Field(default={})
    """Options of vLLM's for an engine in this process, by vLLM's names, such as ``tensor_parallel_size`` or
    ``quantization``; see ``trainer.engines.options``."""
    prune: PruneSection = PruneSection()
    head: HeadSection = HeadSection()
    reward: RewardSection = RewardSection()
    algorithm: AlgorithmSection = AlgorithmSection()
    optim: OptimSection = OptimSection()
    lora: LoraSection = LoraSection()
    sync: SyncSection = SyncSection()
    checkpoint: CheckpointSection = CheckpointSection()
    eval: EvalSection = EvalSection()
    log: LogSection = LogSection()

    @property
    def policy(self) -> PolicySettings:
        """What the updates of the policy depend on."""
        return PolicySettings(
            algorithm=self.algorithm,
            optim=self.optim,
            lora=self.lora,
            seed=self.run.seed,
            steps=self.run.steps,
            temperature=self.rollout.temperature,
            max_tokens=self.rollout.max_tokens,
        )

    @property
    def trains_head(self) -> bool:
        return self.head.train == "always" or self.prune.mode in SCORED

    @model_validator(mode="after")
    def _stop_strings(self) -> TrainConfig:
        if (
            self.chat.stop
            and self.trains_head
            and (self.rollout.replicas or self.sync.backend == "ipc")
        ):
            raise ValueError(
                "chat.stop: an engine in another process has gone on when a stop string is found, so that "
                "the head would learn from what follows it. Leave it out, sample in this process, or train "
                "without a head"
            )
        return self

    @model_validator(mode="after")
    def _replicas(self) -> TrainConfig:
        if self.rollout.sleep and self.rollout.replicas:
            raise ValueError("rollout.sleep is of an engine in this process: replicas stay awake")
        if self.engine and self.rollout.replicas:
            raise ValueError(
                "engine: rollout.replicas are engines of their own: give them the options where they start"
            )
        return self

    @model_validator(mode="after")
    def _everything_takes_effect(self) -> TrainConfig:
        longest = self.rollout.max_tokens
        if longest >= self.rollout.max_model_len:
            raise ValueError("rollout.max_model_len must leave room for a prompt before max_tokens")
        if self.prune.mode != "none" and self.prune.probes[-1] >= longest:
            raise ValueError(
                f"the last of prune.probes is not below rollout.max_tokens ({longest})"
            )
        first = self.rollout.first or self.rollout.samples
        if self.prune.min_survivors > first:
            what = "first" if self.rollout.first else "samples"
            raise ValueError(
                f"prune.min_survivors is above rollout.{what}: nothing would be pruned"
            )
        if self.reward.overlong_tokens > longest:
            raise ValueError("reward.overlong_tokens is above rollout.max_tokens")
        if self.data.revisit < 1 and self.data.source in ("arithmetic", "gym"):
            raise ValueError(
                "data.revisit is for prompts that come again, and generated ones never do"
            )
        if self.algorithm.old == "engine" and self.lora.dropout > 0:
            raise ValueError(
                'algorithm.old = "engine" cannot be watched with lora.dropout, which changes every pass'
            )
        if "weighted@" in self.eval.keep_best and not self.trains_head:
            raise ValueError(
                'eval.keep_best: a weighted vote needs a head: set head.train = "always"'
            )
        if self.lora.rank == 0 and self.lora != LoraSection():
            raise ValueError("lora.rank is 0, so that nothing else of [lora] takes effect")
        return self


def load_config(recipe: Path | None, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read ``recipe``, then apply ``overrides`` such as ``"rollout.prompts=4"``.

    Raises ``ConfigError`` naming the key and what is wrong with it.
    """
    body = {} if recipe is None else read_recipe(recipe)
    for override in overrides:
        apply_override(body, override)
    check_keys(body, TrainConfig)
    fill(body)
    try:
        return TrainConfig.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "recipe"
        raise ConfigError(f"{where}: {complaint(first)}.", param=where) from error


def dump_config(config: TrainConfig) -> str:
    """The resolved configuration as TOML; a recipe that gives the same run again."""
    lines = []
    for name, section in config.model_dump(mode="json").items():
        lines.append(f"[{name}]")
        lines += [
            f"{key} = {_toml(value)}"
            for key, value in section.items()
            if value is not None  # TOML has no null: what is left out is it
        ]
        lines.append("")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    """Numbers, strings and lists are written as in JSON, tables are not."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
