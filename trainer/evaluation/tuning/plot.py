"""``tune.png``: the presets above the uniform vote, drawn from ``tune.json`` alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from trainer.evaluation.tuning.choose import USUAL

COLORS = {"fast": "C2", "balanced": "C0", "best": "C3"}


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Accuracy against tokens on the second half."""
    figure, axes = plt.subplots(figsize=(8, 5))
    votes = found["uniform"]
    axes.plot(
        [r["tokens_relative"] for r in votes],
        [r["accuracy"] for r in votes],
        "o-", color="grey", markersize=4, label="plain samples, uniform vote",
    )  # fmt: skip
    for row in votes:
        axes.annotate(
            str(row["samples"]), (row["tokens_relative"], row["accuracy"]),
            xytext=(4, -11), textcoords="offset points", color="grey", fontsize=8,
        )  # fmt: skip
    axes.plot(
        [r["tokens_relative"] for r in found["front"]],
        [r["accuracy"] for r in found["front"]],
        ".", color="C0", alpha=0.35, label="plans of the front, replayed",
    )  # fmt: skip
    for name, row in found["presets"].items():
        shown = found["live"].get(name, row)
        x, y, (low, high) = shown["tokens_relative"], shown["accuracy"], shown["interval"]
        error = [[max(0.0, y - low)], [max(0.0, high - y)]]
        color = COLORS.get(name, "C1")
        axes.errorbar(x, y, yerr=error, fmt="*", markersize=16, capsize=3, color=color, zorder=3)
        together = [n for n, other in found["presets"].items() if other["arrol"] == row["arrol"]]
        if together[0] == name:
            axes.annotate(
                ", ".join(together), (x, y), xytext=(10, 8), textcoords="offset points",
                color=color, fontsize=12, fontweight="bold",
            )  # fmt: skip
    _label(axes, found)
    figure.tight_layout()
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)


def _label(axes: Any, found: Mapping[str, Any]) -> None:
    axes.set_xscale("log")
    ticks = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16)
    low, high = axes.get_xlim()
    shown = [t for t in ticks if low <= t <= high]
    axes.set_xticks(shown, [f"{t:g}x" if t >= 1 else f"1/{round(1 / t)}" for t in shown])
    axes.minorticks_off()
    axes.set_xlabel(f"tokens a question, relative to {USUAL} plain samples")
    axes.set_ylabel("accuracy on questions not used to choose (95 % interval)")
    how = "really run" if found["live"] else "replayed"
    s = found["settings"]
    axes.set_title(
        f"{s['model']}: {found['reported_on']} questions, temperature {s['temperature']:g}; presets {how}"
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
