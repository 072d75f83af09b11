"""Tokens a second with and without the plugin."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def cost_plot(path: Path) -> Path:
    """Tokens per second relative to plain vLLM, every round a point."""
    result = json.loads(path.read_text())
    figure, axes = plt.subplots(figsize=(6, 4))
    for place, row in enumerate(result["rows"]):
        ratios = row["to_plain"]["all"]
        axes.scatter([place] * len(ratios), ratios, alpha=0.4, s=18)
        low, high = row["to_plain"]["interval"]
        middle = row["to_plain"]["median"]
        axes.errorbar(
            place, middle, yerr=[[middle - low], [high - middle]], fmt="D", color="black", capsize=5
        )
    axes.set_xticks(range(len(result["rows"])), [row["arm"] for row in result["rows"]])
    axes.set_ylabel("tokens/s relative to plain vLLM, same round")
    axes.set_title(f"{result['settings']['sequences']} sequences, bundled model")
    axes.grid(alpha=0.3, axis="y")
    figure.tight_layout()
    target = path.with_suffix(".png")
    figure.savefig(target, dpi=130)
    plt.close(figure)
    return target
