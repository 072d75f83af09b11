"""The runs themselves: one folder an arm and seed, gone on with until it has its steps."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.training.arms import ARMS, COMMON, RECIPE, Changes
from benchmarks.training.neighbours import watched
from trainer.run.log import read_metrics

Rows = Sequence[dict[str, Any]]


def folder(out: Path, arm: str, seed: int) -> Path:
    return out / f"{arm.replace(', ', '-').replace(' ', '')}-{seed}"


def train(out: Path, arm: str, seed: int, steps: int, common: Changes = COMMON) -> None:
    """Bring a run to ``steps`` steps."""
    run = folder(out, arm, seed)
    if len(trained(run)) >= steps:
        return
    words = command(out, arm, seed, steps, common)
    run.mkdir(parents=True, exist_ok=True)
    with watched(run):
        done = subprocess.run(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
        )
    if done.returncode != 0:
        raise SystemExit(done.stderr[-3000:])


def command(out: Path, arm: str, seed: int, steps: int, common: Changes = COMMON) -> list[str]:
    """What brings a run to ``steps`` steps."""
    run = folder(out, arm, seed)
    changes = common | ARMS[arm] | {"run.seed": seed, "run.steps": steps, "run.out": str(run)}
    words = [sys.executable, "-m", "trainer.cli", "policy", str(RECIPE), "--resume", "auto"]
    return words + [f"--{key}={json.dumps(value)}" for key, value in changes.items()]


def trained(run: Path) -> Rows:
    """Its steps so far."""
    return [row for row in read_metrics(run) if row["step"] > 0]
