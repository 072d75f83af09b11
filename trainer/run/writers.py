"""Where a step's figures go besides the run's own file: Prometheus, TensorBoard, Weights & Biases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from trainer.config import TrainConfig
from trainer.errors import ConfigError
from trainer.run.rollouts import kept_file
from trainer.samples.flat import flat_table
from trainer.samples.kept import read_groups

PREFIX = "arrol_train_"
SAMPLES = "rollouts"
"""Name of the table of a step's rollouts."""


class Writer(Protocol):
    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """The figures that are known after ``step`` steps."""

    def close(self) -> None: ...


def open_writers(config: TrainConfig, folder: Path) -> list[Writer]:
    """Those that ``[log]`` asks for. Raises ``ConfigError`` for one that cannot be had."""
    log, found = config.log, list[Writer]()
    if log.prometheus_port:
        found.append(PrometheusWriter(log.prometheus_host, log.prometheus_port))
    if log.tensorboard:
        found.append(TensorBoardWriter(folder / "tensorboard"))
    if log.wandb:
        found.append(WandbWriter(folder, config))
    return found


class PrometheusWriter:
    """A gauge for each figure, such as ``arrol_train_head_auc``, on an endpoint of the trainer."""

    def __init__(self, host: str, port: int) -> None:
        self._registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}
        try:
            self._server, self._thread = start_http_server(port, host, self._registry)
        except OSError as error:
            raise ConfigError(
                f"log.prometheus_port: cannot listen on {host}:{port} ({error.strerror}).",
                param="log.prometheus_port",
            ) from error

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        for key, value in {"step": step, **figures}.items():
            if key not in self._gauges:
                name = PREFIX + re.sub(r"\W+", "_", key.replace("@", "_at_"))
                self._gauges[key] = Gauge(name, f"{key} of the last step", registry=self._registry)
            self._gauges[key].set(value)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class TensorBoardWriter:
    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise _missing("log.tensorboard", "tensorboard") from error
        self._writer: Any = SummaryWriter(str(folder))

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        for key, value in figures.items():
            self._writer.add_scalar(key, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class WandbWriter:
    """Goes on under the same id when the run is resumed."""

    ID = "wandb_id"

    def __init__(self, folder: Path, config: TrainConfig) -> None:
        try:
            import wandb
        except ModuleNotFoundError as error:
            raise _missing("log.wandb", "wandb") from error
        file, log = folder / self.ID, config.log
        known = file.read_text() if file.exists() else None
        self._folder, self._table = folder, wandb.Table
        self._run: Any = wandb.init(
            project=log.wandb,
            dir=str(folder),
            name=log.wandb_name or folder.name,
            group=log.wandb_group or None,
            tags=list(log.wandb_tags) or None,
            id=known,
            resume="allow",
            config=config.model_dump(mode="json"),
        )
        file.write_text(self._run.id)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        kept = kept_file(self._folder, step)
        table = {}
        if kept.exists():
            columns, rows = flat_table(read_groups(kept))
            table = {SAMPLES: self._table(columns=columns, data=rows)}
        self._run.log({**figures, **table}, step=step)

    def close(self) -> None:
        self._run.finish()


def _missing(option: str, extra: str) -> ConfigError:
    return ConfigError(
        f"{option} needs a package that is not installed: pip install 'arrol-serve[{extra}]'.",
        param=option,
    )
