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
BELOW: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14)}
"""Where a legend covers nothing."""


def training_plot(path: Path) -> Path:
    """Accuracy against seconds, seconds by phase and, if measured, the keep ratio; beside the file."""
    result = json.loads(path.read_text())
    rows = {row["arm"]: row for row in result["rows"]}
    clock, base = clock_of(result["rows"]), result["settings"].get("base", "none")
    keeps = set(KEEPS.values()) <= set(rows)
    panels = 3 if keeps else 2
    seeds = max(len(row["seeds"]) for row in rows.values())
    # Lines of many seeds beside those of a few would not be the same questions' luck.
    drawn = MAIN if keeps else [arm for arm, row in rows.items() if len(row["seeds"]) == seeds]
    figure, axes = plt.subplots(1, panels, figsize=(5.5 * panels, 5.5))
    _curves(axes[0], [rows[arm] for arm in drawn], clock)
    _phases(axes[1], list(rows.values()), clock, base)
    if keeps:
        _keeps(axes[2], rows)
    figure.suptitle(f"{result['settings']['steps']} steps, bundled model, {seeds} seeds")
    figure.tight_layout()
    target = path.with_suffix(".png")
    figure.savefig(target, dpi=110)
    plt.close(figure)
    return target


def clock_of(rows: Sequence[Row]) -> str:
    """Seconds that passed where the machine was quiet, or nothing else was measured; else the processor's."""
    busy = any(not row.get("quiet", True) for row in rows)
    return "seconds_cpu" if busy and all(row["seconds_cpu_per_step"] for row in rows) else "seconds"


NAMES = {"seconds": "seconds", "seconds_cpu": "processor seconds"}


def _curves(axes: Axes, rows: Sequence[Row], clock: str) -> None:
    x = 1 if clock == "seconds" else 3
    for place, row in enumerate(rows):
        # [seeds, evaluations, (step, seconds, pass@1, processor seconds)]
        runs = np.array(row["curves"], float)
        style: Any = {"color": f"C{place % 10}", "linestyle": "-" if place < 10 else "--"}
        for run in runs:
            axes.plot(run[:, x], run[:, 2], alpha=0.25, linewidth=1, **style)
        mean = runs.mean(0)
        axes.plot(mean[:, x], mean[:, 2], marker="o", label=row["arm"], **style)
    axes.set_xlabel(f"training {NAMES[clock]} (evaluation left out)")
    axes.set_ylabel("pass@1 on held-out questions")
    axes.set_title("mean of the seeds; thin: each seed")
    axes.legend(title="pruned by", fontsize=8, ncol=2, **BELOW)
    axes.grid(alpha=0.3)


def _phases(axes: Axes, rows: Sequence[Row], clock: str, base: str) -> None:
    speedup = "speedup" if clock == "seconds" else "speedup_cpu"
    places, left = np.arange(len(rows)), np.zeros(len(rows))
    for phase in PHASES:
        seconds = np.array([row[f"{clock}_{phase}"] or 0.0 for row in rows])
        axes.barh(places, seconds, left=left, label=phase)
        left += seconds
    for place, row in enumerate(rows):
        axes.text(left[place], place, f" {row[speedup]:.2f}x", va="center", fontsize=8)
    axes.set_yticks(places, [row["arm"] for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, left.max() * 1.15)
    axes.set_xlabel(f"{NAMES[clock]} a step once pruning is in force")
    axes.set_title(f"phases, and speed beside {base}")
    axes.legend(fontsize=8, ncol=5, **BELOW)


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
