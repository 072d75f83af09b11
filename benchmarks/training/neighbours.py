"""How much of the machine others used meanwhile: what makes a timing one of a quiet machine."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FILE = "turns.jsonl"
QUIET = 0.1
"""Cores in use by others, up to which the machine counts as quiet."""
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def watched(run: Path) -> Iterator[None]:
    """Adds to ``run`` how many cores others used while children of this process ran inside."""
    began = _now()
    yield
    passed, busy, own = (after - before for before, after in zip(began, _now(), strict=True))
    row = {"seconds": passed, "others": max(0.0, busy - own) / passed if busy else None}
    with (run / FILE).open("a") as file:
        file.write(json.dumps(row) + "\n")


def others(run: Path) -> float | None:
    """Cores in use by others while ``run`` was trained, on the mean; None: not known."""
    path = run / FILE
    turns: list[dict[str, Any]] = []
    if path.exists():
        turns = [json.loads(line) for line in path.read_text().splitlines()]
    if not turns or any(turn["others"] is None for turn in turns):
        return None
    whole = sum(turn["seconds"] for turn in turns)
    return float(sum(turn["others"] * turn["seconds"] for turn in turns) / whole)


def _now() -> tuple[float, float, float]:
    """Seconds: passed; in use, over all cores; in use by ended children of this process."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic(), _busy(), used.ru_utime + used.ru_stime


def _busy() -> float:
    """0 where the system does not say."""
    table = Path("/proc/stat")
    if not table.exists():
        return 0.0
    ticks = [int(word) for word in table.read_text().splitlines()[0].split()[1:]]
    idle, waits = ticks[3:5]
    return (sum(ticks[:8]) - idle - waits) / TICKS
