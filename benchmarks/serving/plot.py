"""Accuracy against tokens and goodput by concurrency, drawn from the JSON alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def serving_plot(path: Path) -> Path:
    """A row of two panels for each prompt form."""
    result = json.loads(path.read_text())
    rows, settings = result["rows"], result["settings"]
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    forms = len(settings["prompts"])
    figure, grid = plt.subplots(
        forms, 2, figsize=(13, 1.2 + 4.2 * forms), squeeze=False, layout="constrained"
    )
    for (left, right), prompt in zip(grid, settings["prompts"], strict=True):
        here = [row for row in rows if row["prompt"] == prompt]
        busiest = max(row["concurrency"] for row in here)
        _accuracy(left, [r for r in here if r["concurrency"] == busiest], arms)
        left.set_title(f'"{prompt}", {busiest} questions at once', fontsize=10)
        _goodput(right, here, arms, settings["baseline"])
        right.set_title(f'"{prompt}"', fontsize=10)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, ncol=3, loc="outside lower center", fontsize=9)
    target = path.with_suffix(".png")
    figure.savefig(target, dpi=110)
    plt.close(figure)
    return target


def _colour(arms: Sequence[str], arm: str) -> Any:
    return plt.get_cmap("tab20")(arms.index(arm) / 20 + 0.01)


def _accuracy(axes: Any, rows: Sequence[dict[str, Any]], arms: Sequence[str]) -> None:
    for row in rows:
        low, high = row["interval"]
        error = [[row["accuracy"] - low], [high - row["accuracy"]]]
        axes.errorbar(
            row["tokens_relative"], row["accuracy"], yerr=error, fmt="o", capsize=3,
            color=_colour(arms, row["arm"]), label=row["arm"],
        )  # fmt: skip
    axes.set_xlabel("tokens that the engine generated, against the baseline")
    axes.set_ylabel("accuracy (95 % interval)")
    axes.set_xlim(0)
    axes.grid(alpha=0.3)


def _goodput(axes: Any, rows: Sequence[dict[str, Any]], arms: Sequence[str], baseline: str) -> None:
    counts = sorted({row["concurrency"] for row in rows})
    width = 0.85 / len(arms)
    for row in rows:
        place = counts.index(row["concurrency"]) + (arms.index(row["arm"]) - len(arms) / 2) * width
        low, high = row["goodput_interval"]
        value = row["goodput_relative"]
        axes.bar(place, value, width, color=_colour(arms, row["arm"]))
        axes.plot([place, place], [low, high], color="black", linewidth=0.8)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xticks(range(len(counts)), [str(count) for count in counts])
    axes.set_xlabel("questions at once")
    axes.set_ylabel(f"correct answers a second,\nagainst {baseline}")
    axes.grid(alpha=0.3, axis="y")
