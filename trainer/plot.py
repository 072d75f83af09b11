"""A run's curves as one PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from arrol_serve.errors import InvalidRequest
from trainer.metrics_log import read_metrics

FILE = "curves.png"
PANELS: dict[str, tuple[str, ...]] = {
    "accuracy": ("reward", "eval/pass@1"),
    "quality head, on rollouts it had not seen": (
        "head/auc",
        "head/auc_within_group",
        "head/accuracy",
    ),
    "survival": ("kept", "kept_at_risk", "ess"),
    "right among survivors": ("kept_positive/hard", "kept_positive/medium", "kept_positive/easy"),
    "groups": ("groups", "groups_mixed", "groups_lost_to_pruning"),
    "tokens": ("tokens_generated", "tokens_trained"),
    "seconds": (
        "seconds/total",
        "seconds/generate",
        "seconds/reward",
        "seconds/logprob",
        "seconds/update",
        "seconds/head",
        "seconds/sync",
    ),
    "engine against trainer": ("mismatch_kl", "sync_gap"),
    "gradient norm": ("grad_norm",),
}
LOGARITHMIC = ("engine against trainer",)


def plot_run(run: Path) -> Path:
    """Draw ``run``'s metrics into ``run/curves.png``. Raises ``InvalidRequest`` without any."""
    rows = read_metrics(run)
    if not rows:
        raise InvalidRequest(f"{run} has no metrics yet.")
    figure, axes = plt.subplots(3, 3, figsize=(15, 10))
    for axis, (title, keys) in zip(axes.flat, PANELS.items(), strict=True):
        for key in keys:
            steps, values = series(rows, key)
            if steps:
                axis.plot(steps, values, label=key, marker="." if len(steps) < 20 else None)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        if title in LOGARITHMIC:
            axis.set_yscale("log")
        if axis.lines:
            axis.legend(fontsize=7)
    figure.tight_layout()
    path = run / FILE
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def series(rows: Sequence[Mapping[str, Any]], key: str) -> tuple[list[int], list[float]]:
    """Steps and values where ``key`` is known."""
    known = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    return [step for step, _ in known], [value for _, value in known]
