"""A run's folder: its configuration, checkpoints, metrics and what the engine reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arrol_serve import bundled
from arrol_serve.files import replacing
from trainer.config import TrainConfig, dump_config, load_config
from trainer.errors import ConfigError
from trainer.run import checkpoint
from trainer.run.log import FILE
from trainer.sections import LogSection

CONFIG = "config.toml"
FREE = {
    "run.out",
    "run.steps",
    "run.rank_timeout_s",
    "checkpoint.every",
    "checkpoint.keep",
    "eval.patience",
    "rollout.replicas",
    "rollout.replica_key_env",
    "rollout.replica_timeout_s",
    "reward.timeout_s",
    "reward.workers",
    "reward.retries",
    "reward.key_env",
    "optim.tokens_per_pass",
    "optim.gradient_checkpointing",
    "rollout.gpu_memory",
    "sync.backend",
    "sync.lora",
    "sync.address",
    "sync.port",
    *(f"log.{key}" for key in LogSection.model_fields),
}
"""Keys that may change when a run is resumed: they do not touch what was computed so far."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    path: Path

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def weights(self) -> Path:
        """What the engine loads after each step."""
        return self.path / "live" / "weights"

    @property
    def head(self) -> Path:
        return self.path / "live" / "head"

    def config(self) -> TrainConfig:
        """Raises ``ConfigError`` where there is no run."""
        if not (self.path / CONFIG).exists():
            raise ConfigError(f"{self.path} is not a run: it has no {CONFIG}.")
        return load_config(self.path / CONFIG)


def open_run(config: TrainConfig, *, resume: bool) -> tuple[RunFolder, Path | None]:
    """The run's folder and the checkpoint to go on from.

    Raises ``ConfigError`` where the folder holds another run, or one that was not to be resumed.
    """
    run = RunFolder(Path(config.run.out))
    found = checkpoint.latest(run.checkpoints)
    if (run.path / "records.jsonl").exists():
        raise ConfigError(f"{run.path} holds an evaluation: choose another --run.out.")
    if not resume and (found is not None or (run.path / FILE).exists()):
        raise ConfigError(
            f"{run.path} already holds a run: go on with --resume auto, or choose another --run.out."
        )
    if found is not None:
        _check_same(run.config(), config)
    run.path.mkdir(parents=True, exist_ok=True)
    with replacing(run.path / CONFIG) as part:
        part.write_text(dump_config(config))
    return run, found


def _check_same(before: TrainConfig, now: TrainConfig) -> None:
    was, has = _flat(before), _flat(now)
    for key in {**was, **has}:
        value = has.get(key)
        if key not in FREE and was.get(key) != value:
            raise ConfigError(
                f"{key} was {was.get(key)!r} in the run to be resumed and is {value!r} now. Set it back, "
                "or start another run with another --run.out.",
                param=key,
            )


def _flat(config: TrainConfig) -> dict[str, Any]:
    return {
        f"{name}.{key}": value
        for name, section in config.model_dump().items()
        for key, value in section.items()
    }


def model_folder(config: TrainConfig) -> Path:
    """The initial model's folder. Raises ``ConfigError`` where there is none."""
    if config.run.model == "bundled":
        return bundled.MODEL
    folder = Path(config.run.model)
    if not (folder / "config.json").exists():
        raise ConfigError(
            f"run.model: {folder} is not a folder with a Hugging Face checkpoint (no config.json)."
        )
    return folder


def model_name(config: TrainConfig) -> str:
    """What the model is called in manifests."""
    return bundled.MODEL_NAME if config.run.model == "bundled" else Path(config.run.model).name
