"""Tokens a second with and without the plugin."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

GOAL = 0.98
COLUMNS = (
    ("plugin idle", "to_plain", "idle plugin\nbeside plain vLLM\n(two processes)"),
    ("scoring on", "to_idle", "scoring\nbeside the idle plugin\n(the same process)"),
)
"""Arm, what it is compared with, and how that is called."""


def cost_plot(path: Path) -> Path:
    """What the idle plugin and scoring leave of the tokens a second, every round a point."""
    result = json.loads(path.read_text())
    rows = {row["arm"]: row for row in result["rows"]}
    figure, axes = plt.subplots(figsize=(6.5, 4.5))
    for place, (arm, other, _) in enumerate(COLUMNS):
        ratios, middle = rows[arm][other]["all"], rows[arm][other]["median"]
        low, high = rows[arm][other]["interval"]
        beside = [place + 0.3 * (i / len(ratios) - 0.5) for i in range(len(ratios))]
        axes.scatter(beside, ratios, alpha=0.35, s=14)
        errors = [[middle - low], [high - middle]]
        axes.errorbar(place, middle, yerr=errors, fmt="D", color="black", capsize=5)
        text = f"{middle:.3f}\n({low:.3f} to {high:.3f})"
        box = {"facecolor": "white", "edgecolor": "none"}
        axes.annotate(text, (place + 0.2, middle), va="center", fontsize=9, bbox=box)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.axhline(GOAL, color="tab:red", linewidth=1, linestyle="--", label=f"goal: {GOAL}")
    axes.set_xlim(-0.4, 1.6)
    axes.set_xticks(range(len(COLUMNS)), [name for _, _, name in COLUMNS])
    axes.set_ylabel("tokens a second, ratio in the same round")
    axes.set_title(f"{result['settings']['sequences']} sequences, bundled model, one thread")
    axes.grid(alpha=0.3, axis="y")
    axes.legend(loc="lower left", fontsize=9)
    figure.tight_layout()
    target = path.with_suffix(".png")
    figure.savefig(target, dpi=130)
    plt.close(figure)
    return target
