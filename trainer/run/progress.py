"""How far a run is, for whoever watches: a live line on a terminal, a plain one now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

SHOWN = {
    "reward": "reward",
    "eval/pass@1": "pass@1",
    "kept": "kept",
    "head/auc": "AUC",
    "tokens_per_s": "tok/s",
}
EVERY_S = 30.0
"""Seconds between plain lines."""


class Progress:
    def __init__(self, start: int, steps: int) -> None:
        self._live = sys.stderr.isatty()
        self._bar = tqdm(
            total=steps, initial=start, unit="step", desc="policy", disable=not self._live
        )
        self._start, self._steps, self._began = start, steps, time.monotonic()
        self._said = -EVERY_S
        self._known: dict[str, str] = {}

    def show(self, row: Mapping[str, Any]) -> None:
        """The figures of a step; those that a step has not are shown as last known."""
        for key, name in SHOWN.items():
            if row.get(key) is not None:
                self._known[name] = f"{row[key]:,.0f}" if name == "tok/s" else f"{row[key]:.3f}"
        done = row["step"]
        if self._live:
            self._bar.set_postfix(self._known, refresh=False)
            self._bar.update(done - self._bar.n)
            return
        now = time.monotonic()
        if now - self._said >= EVERY_S or done == self._steps:
            self._said = now
            print(self.line(done, now - self._began), file=sys.stderr, flush=True)

    def line(self, done: int, elapsed: float) -> str:
        """One plain line after ``elapsed`` seconds of this process."""
        figures = " ".join(f"{name} {value}" for name, value in self._known.items())
        made = done - self._start
        left = elapsed / made * (self._steps - done) if made > 0 else None
        eta = "?" if left is None else tqdm.format_interval(left)
        return f"step {done}/{self._steps} {figures} ETA {eta}"

    def close(self) -> None:
        self._bar.close()
