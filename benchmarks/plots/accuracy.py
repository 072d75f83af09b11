"""Accuracy against tokens."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SINGLE = "one sample (pass@1)"


def accuracy_plot(path: Path) -> Path:
    """Accuracy against tokens, one point a method, with 95 % intervals; one sample is a note.

    It lies so far below the votes that an axis with both would hide how these differ.
    """
    result = json.loads(path.read_text())
    rows = sorted(result["rows"], key=lambda r: -r["accuracy"])
    single = next(row for row in rows if row["method"] == SINGLE)
    figure, axes = plt.subplots(figsize=(8.5, 5))
    axes.set_prop_cycle(color=plt.get_cmap("tab20").colors)
    seen: dict[float, int] = {}
    for row in rows:
        if row is single:
            continue
        x, y = row["tokens_relative"], row["accuracy"]
        low, high = row["interval"]
        place = seen.setdefault(round(x, 2), 0)
        seen[round(x, 2)] += 1
        shifted = x + 0.012 * place
        axes.errorbar(
            shifted, y, yerr=[[y - low], [high - y]], fmt="o", capsize=3, label=row["method"]
        )
    samples = result["settings"]["samples"]
    axes.set_xlabel(f"tokens generated, relative to {samples} unpruned samples")
    axes.set_ylabel("accuracy (95 % bootstrap interval)")
    questions, temperature = (result["settings"][key] for key in ("questions", "temperature"))
    axes.set_title(
        f"Bundled model, {questions} held-out questions, N = {samples}, temperature {temperature:g}"
    )
    axes.set_xlim(0, 1.12)
    axes.annotate(
        f"{SINGLE}: {single['accuracy']:.3f}",
        (single["tokens_relative"], 0.0),
        xytext=(single["tokens_relative"], 0.1),
        xycoords=("data", "axes fraction"),
        textcoords=("data", "axes fraction"),
        arrowprops={"arrowstyle": "->"},
        fontsize=9,
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.tight_layout()
    target = path.with_suffix(".png")
    figure.savefig(target, dpi=130)
    plt.close(figure)
    return target
