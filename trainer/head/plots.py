"""The plots of a head's card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from trainer.head.data import HeadData
from trainer.head.reliability import draw_reliability, reliability

Report = Mapping[str, Mapping[str, float]]


def saving_plot(path: Path, saving: Sequence[Mapping[str, Any]]) -> None:
    """What survives against what it costs, a line for each keep ratio, a dot for each probe."""
    figure, axes = plt.subplots(figsize=(7.5, 4.5))
    for keep in dict.fromkeys(row["keep"] for row in saving):
        rows = [row for row in saving if row["keep"] == keep]
        x, y = [row["tokens"] for row in rows], [row["right"] for row in rows]
        axes.plot(x, y, marker="o", markersize=4, label=f"keep {keep:g}")
        for row in rows:
            axes.annotate(
                str(row["probe"]),
                (row["tokens"], row["right"]),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
    axes.axhline(saving[0]["right_unpruned"], color="grey", linewidth=0.8, label="no pruning")
    axes.set_xlabel("tokens, relative to no pruning (numbers: tokens at the probe)")
    axes.set_ylabel("right among the survivors")
    axes.margins(y=0.12)
    axes.legend(fontsize=8)
    _save(figure, axes, path)


def auc_plot(path: Path, ablation: Mapping[str, Report]) -> None:
    """Every set of inputs; the first, which is served, with its interval."""
    figure, axes = plt.subplots(figsize=(7.5, 4.5))
    for place, (name, table) in enumerate(ablation.items()):
        names = list(table)
        values = [table[p]["auc_within_group"] for p in names]
        axes.plot(names, values, marker="o", markersize=4, label=name, zorder=3 if place else 4)
        if place == 0:
            low = [table[p]["auc_within_group_low"] for p in names]
            high = [table[p]["auc_within_group_high"] for p in names]
            axes.fill_between(names, low, high, alpha=0.2, label="its 95 % interval")
    axes.axhline(0.5, color="grey", linewidth=0.8)
    axes.set_xlabel("generated tokens at the probe")
    axes.set_ylabel("AUC within group (test questions)")
    axes.legend(fontsize=8)
    _save(figure, axes, path)


def reliability_plot(path: Path, probabilities: np.ndarray, test: HeadData) -> None:
    """At probes and at last tokens side by side: they are calibrated apart."""
    figure, panels = plt.subplots(1, 2, figsize=(8.5, 4.5), sharey=True)
    parts = (("at probes", ~test.final), ("last token", test.final))
    for place, (axes, (name, mask)) in enumerate(zip(panels, parts, strict=True)):
        bins = reliability(probabilities[mask], test.correct[mask], test.group[mask])
        draw_reliability(axes, bins, f"{name}; area: rollouts", f"C{place}")
        axes.legend(loc="upper left", fontsize=8)
    panels[1].set_ylabel("")
    _save(figure, panels[0], path)


def answer_plot(path: Path, bins: list[dict[str, Any]]) -> None:
    """P(the answer is right) beside how often it was, over searches of all sizes."""
    figure, axes = plt.subplots(figsize=(5, 4.7))
    draw_reliability(axes, bins, "leading answer; area: searches", "C2")
    axes.set_xlabel("P(the answer is right), as replies report it")
    axes.legend(loc="upper left", fontsize=8)
    _save(figure, axes, path)


def _save(figure: Any, axes: Any, path: Path) -> None:
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)
