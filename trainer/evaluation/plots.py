"""``accuracy.png``, ``by_k.png`` and ``calibration.png``, drawn from the report alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


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
    figure, axes = plt.subplots(figsize=(8.5, 5))
    axes.set_prop_cycle(color=plt.get_cmap("tab20").colors)
    curve = report["uniform_curve"]
    axes.plot(curve["tokens"], curve["accuracy"], color="grey", label="uniform vote of the first k")
    for row in report["methods"]:
        y, (low, high) = row["accuracy"], row["interval"]
        error = [[max(0.0, y - low)], [max(0.0, high - y)]]
        axes.errorbar(
            row["tokens_per_question"], y, yerr=error, fmt="o", capsize=3, label=row["method"]
        )
    axes.set_xlabel("tokens generated per question")
    axes.set_ylabel("accuracy (95 % bootstrap interval)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(figure, path)


def _by_k(rows: list[dict[str, Any]], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(6.5, 4.5))
    for name in dict.fromkeys(row["measure"] for row in rows):
        mine = [row for row in rows if row["measure"] == name]
        ks = [row["k"] for row in mine]
        low, high = zip(*(row["interval"] for row in mine), strict=True)
        axes.plot(ks, [row["accuracy"] for row in mine], marker="o", label=f"{name}@k")
        axes.fill_between(ks, low, high, alpha=0.15)
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
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--")
    axes.plot([b["said"] for b in bins], [b["was"] for b in bins], marker="o")
    axes.set_xlabel("probability of being right, as the head says")
    axes.set_ylabel("share that was right")
    axes.grid(alpha=0.3)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)
