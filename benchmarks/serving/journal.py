"""What a run has done so far, a line a block: an interrupted run goes on from it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Key = tuple[str, int, int, str]
"""Prompt form, concurrency, block, arm."""


class Journal:
    """Lines of ``path``; the first holds the settings, which must not change between runs."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.blocks: dict[Key, dict[str, Any]] = {}
        wanted = json.loads(json.dumps(dict(settings)))
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            data = path.read_bytes()
            os.truncate(path, data.rfind(b"\n") + 1)  # a line torn by a crash is asked again
        lines = path.read_text().splitlines() if path.exists() else []
        if not lines:
            self._write({"settings": wanted})
            return
        if json.loads(lines[0]).get("settings") != wanted:
            raise SystemExit(f"{path} is of a run with other settings; choose another --out")
        for line in lines[1:]:
            found = json.loads(line)
            self.blocks[self.key(found)] = found

    @staticmethod
    def key(block: Mapping[str, Any]) -> Key:
        return (block["prompt"], block["concurrency"], block["block"], block["arm"])

    def add(self, block: dict[str, Any]) -> None:
        """On disk when this returns."""
        self._write(block)
        self.blocks[self.key(block)] = block

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
