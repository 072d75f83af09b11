"""The picture of ``benchmarks.training``: what a second of training buys, and where the seconds go."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

PHASES = ("generate", "logprob", "update", "head", "sync")
KEEPS = {0.25: "arrol, keep 0.25", 0.5: "arrol", 0.75: "arrol, keep 0.75", 1.0: "none"}
MAIN = ("none", "random", "arrol", "arrol_signed")

Row = Mapping[str, Any]


def training_plot(path: Path) -> Path:
    """Accuracy against seconds, seconds by phase and, if measured, the keep ratio; beside the file."""
    result = json.loads(path.read_text())
    rows = {row["arm"]: row for row in result["rows"]}
    keeps = set(KEEPS.values()) <= set(rows)
    panels = 3 if keeps else 2
    figure, axes = plt.subplots(1, panels, figsize=(5 * panels, 4.5))
    _curves(axes[0], [rows[arm] for arm in (MAIN if keeps else rows)])
    _phases(axes[1], list(rows.values()))
    if keeps:
        _keeps(axes[2], rows)
    seeds = max(len(row["seeds"]) for row in rows.values())
    figure.suptitle(f"{result['settings']['steps']} steps, up to {seeds} seeds, bundled model")
    figure.tight_layout()
    target = path.with_suffix(".png")
    figure.savefig(target, dpi=110)
    plt.close(figure)
    return target


def _curves(axes: Axes, rows: Sequence[Row]) -> None:
    for place, row in enumerate(rows):
        runs = np.array(row["curves"])  # [seeds, evaluations, (step, seconds, pass@1)]
        for run in runs:
            axes.plot(run[:, 1], run[:, 2], color=f"C{place}", alpha=0.25, linewidth=1)
        mean = runs.mean(0)
        axes.plot(mean[:, 1], mean[:, 2], marker="o", color=f"C{place}", label=row["arm"])
    axes.set_xlabel("training seconds (evaluation left out)")
    axes.set_ylabel("pass@1 on held-out questions")
    axes.set_title("mean of the seeds; thin: each seed")
    axes.legend(title="pruned by", loc="lower right", fontsize=8)
    axes.grid(alpha=0.3)


def _phases(axes: Axes, rows: Sequence[Row]) -> None:
    places, left = np.arange(len(rows)), np.zeros(len(rows))
    for phase in PHASES:
        seconds = np.array([row[f"seconds_{phase}"] or 0.0 for row in rows])
        axes.barh(places, seconds, left=left, label=phase)
        left += seconds
    for place, row in enumerate(rows):
        axes.text(left[place], place, f" {row['speedup']:.2f}x", va="center", fontsize=8)
    axes.set_yticks(places, [row["arm"] for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, left.max() * 1.15)
    axes.set_xlabel("seconds a step once pruning is in force")
    axes.set_title("phases, and steps per second relative to none")
    axes.legend(fontsize=8)


def _keeps(axes: Axes, rows: Mapping[str, Row]) -> None:
    for place, key in enumerate(("pass@1", "speedups")):
        axis = axes if place == 0 else axes.twinx()
        values = [rows[arm][key] for arm in KEEPS.values()]
        means = [np.mean(v) for v in values]
        axis.plot(list(KEEPS), means, marker="o", color=f"C{place}")
        for keep, seeds in zip(KEEPS, values, strict=True):
            axis.scatter([keep] * len(seeds), seeds, s=14, alpha=0.4, color=f"C{place}")
        label = "pass@1 after the last step" if place == 0 else "speed relative to none"
        axis.set_ylabel(label, color=f"C{place}")
    axes.set_xlabel("share kept at the probe")
    axes.set_title("keep ratio of arrol (1: unpruned)")
    axes.grid(alpha=0.3)
