"""One JSON object a step, always; then whatever else the recipe wants the figures in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from arrol_serve.files import replacing
from trainer.config import TrainConfig
from trainer.ranks import Ranks
from trainer.run.progress import Progress
from trainer.run.writers import open_writers

FILE = "metrics.jsonl"


class MetricsLog:
    """Appends to ``metrics.jsonl``; steps from ``start`` on that a killed run left are dropped.

    Raises ``ConfigError`` for a writer of ``[log]`` that cannot be had.
    """

    def __init__(self, folder: Path, start: int, config: TrainConfig) -> None:
        self._writers = open_writers(config, folder)
        self._path = folder / FILE
        rows = [row for row in read_metrics(folder) if start and row["step"] <= start]
        lines = [json.dumps(row) + "\n" for row in rows]
        with replacing(self._path) as part:
            part.write_text("".join(lines))
        self._file = self._path.open("a")
        self._last, self._line = (rows[-1], lines[-1]) if rows else ({}, "")
        self._progress = Progress(start, config.run.steps)

    def write(self, row: Mapping[str, Any]) -> None:
        """``row`` has ``step``, counted from 1, and numbers; None: not known in this step.

        What comes late for the last step, since its run ended before, is added to that step's row.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if row["step"] == self._last.get("step"):
            self._file.truncate(self._file.tell() - len(self._line))
            self._last = {**self._last, **row, "time": now}
        else:
            self._last = {"step": row["step"], "time": now, **row}
        self._line = json.dumps(self._last, allow_nan=False) + "\n"
        self._file.write(self._line)
        self._file.flush()
        figures = {k: float(v) for k, v in row.items() if k != "step" and v is not None}
        for writer in self._writers:
            writer.write(row["step"], figures)
        self._progress.show(row)

    def close(self) -> None:
        self._file.close()
        self._progress.close()
        for writer in self._writers:
            writer.close()


class NoLog:
    """The log of the other ranks: the first one writes what all of them know."""

    def write(self, row: Mapping[str, Any]) -> None:
        pass

    def close(self) -> None:
        pass


def open_log(folder: Path, start: int, config: TrainConfig, ranks: Ranks) -> MetricsLog | NoLog:
    """All ranks call it together, and raise what ``MetricsLog`` raises."""
    return ranks.on_first(lambda: MetricsLog(folder, start, config)) or NoLog()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The steps of a run so far; a last line that a kill cut short is left out."""
    path, rows = folder / FILE, []
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return rows
