"""``accuracy.png``, ``by_k.png`` and ``calibration.png``, drawn from the report alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from trainer.head.reliability import draw_reliability

MARKERS = "oDs^v"
"""In turns with the colours, so that more methods than colours stay apart."""


def draw(report: Mapping[str, Any], folder: Path) -> None:
    """All plots; calibration only where there is a head."""
    _accuracy(report, folder / "accuracy.png")
    _by_k(report["by_k"], folder / "by_k.png")
    if report["quality"]:
        _calibration(report["quality"]["bins"], folder / "calibration.png")


def draw_comparison(comparison: Mapping[str, Any], folder: Path) -> None:
    """``compare.png``: each method's paired difference and its interval."""
    rows = comparison["methods"]
    figure, axes = plt.subplots(figsize=(6.5, 1.5 + 0.35 * len(rows)))
    axes.axvline(0, color="grey", linestyle="--")
    for place, row in enumerate(rows):
        x, (low, high) = row["difference"], row["interval"]
        error = [[max(0.0, x - low)], [max(0.0, high - x)]]
        axes.errorbar(x, place, xerr=error, fmt="o", capsize=3, color="C0")
    axes.set_yticks(range(len(rows)), [row["method"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("difference in accuracy, second minus first (95 % bootstrap interval)")
    axes.grid(alpha=0.3, axis="x")
    _save(figure, folder / "compare.png")


def _accuracy(report: Mapping[str, Any], path: Path) -> None:
    """Dots against tokens on the left; what each is, and how sure, on the right."""
    rows, curve = report["methods"], report["uniform_curve"]
    colors = plt.get_cmap("tab20").colors
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, max(4.0, 1.2 + 0.25 * len(rows))), width_ratios=(3, 2)
    )
    left.plot(curve["tokens"], curve["accuracy"], color="grey", label="uniform vote of the first k")
    for place, row in enumerate(rows):
        style = {"color": colors[place % len(colors)], "marker": MARKERS[place % len(MARKERS)]}
        x, (low, high) = row["accuracy"], row["interval"]
        left.plot(row["tokens_per_question"], x, linestyle="none", markersize=7, **style)
        error = [[max(0.0, x - low)], [max(0.0, high - x)]]
        right.errorbar(x, place, xerr=error, capsize=2, markersize=6, **style)
    left.set_xlabel("tokens generated per question")
    left.set_ylabel("accuracy")
    left.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    right.set_yticks(range(len(rows)), [row["method"] for row in rows])
    right.set_ylim(len(rows) - 0.5, -0.5)
    right.set_xlabel("accuracy (95 % bootstrap interval)")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    _save(figure, path)


def _by_k(rows: list[dict[str, Any]], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(6.5, 4.5))
    names = list(dict.fromkeys(row["measure"] for row in rows))
    for place, name in enumerate(names):
        mine = [row for row in rows if row["measure"] == name]
        # Beside each other, so that no interval hides another.
        x = [row["k"] * 2 ** (0.08 * (place - (len(names) - 1) / 2)) for row in mine]
        y = [row["accuracy"] for row in mine]
        error = [
            [max(0.0, row["accuracy"] - row["interval"][0]) for row in mine],
            [max(0.0, row["interval"][1] - row["accuracy"]) for row in mine],
        ]
        axes.errorbar(x, y, yerr=error, marker="o", capsize=2, elinewidth=1, label=f"{name}@k")
    ticks = sorted({row["k"] for row in rows})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(k) for k in ticks])
    axes.set_xlabel("k, rollouts per question")
    axes.set_ylabel("accuracy (95 % bootstrap interval)")
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def _calibration(bins: list[dict[str, Any]], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(5, 5))
    draw_reliability(axes, bins, "last token; area: rollouts", "C0")
    axes.legend(loc="upper left")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)
