"""One JSON object a step, always; a progress line where somebody watches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

FILE = "metrics.jsonl"
SHOWN = ("reward", "kept", "head/auc", "eval/pass@1")


class MetricsLog:
    """Appends to ``metrics.jsonl``; steps from ``start`` on that a killed run left are dropped."""

    def __init__(self, folder: Path, start: int, steps: int) -> None:
        self._path = folder / FILE
        rows = [row for row in read_metrics(folder) if row["step"] <= start]
        part = self._path.with_name(FILE + ".part")
        part.write_text("".join(json.dumps(row) + "\n" for row in rows))
        part.replace(self._path)
        self._file = self._path.open("a")
        self._bar = tqdm(total=steps, initial=start, unit="step", desc="policy", disable=None)
        self._shown: dict[str, str] = {}

    def write(self, row: Mapping[str, Any]) -> None:
        """``row`` has ``step``, counted from 1, and numbers; None: not known in this step."""
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        for key in SHOWN:
            if row.get(key) is not None:
                self._shown[key] = f"{row[key]:.3f}"
        self._bar.set_postfix(self._shown, refresh=False)
        self._bar.update(1)

    def close(self) -> None:
        self._file.close()
        self._bar.close()


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
