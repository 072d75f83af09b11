"""Measured cost beside the bound, a panel for each thing that grows, drawn from the JSON alone."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

LABELS = {
    "samples": "N",
    "groups": "groups at once",
    "level": "mean length in tokens (levels 1 to 7)",
    "probe": "probe at token",
    "keep": "share kept",
}


def scaling_plot(path: Path) -> Path:
    """Tokens and seconds of pruned against unpruned, and the bound."""
    rows = json.loads(path.read_text())["rows"]
    figure, grid = plt.subplots(1, len(LABELS), figsize=(18, 4), sharey=True)
    for axes, (varies, label) in zip(grid, LABELS.items(), strict=True):
        here = [row for row in rows if row["varies"] == varies]
        x = [row["mean_length" if varies == "level" else varies] for row in here]
        axes.plot(x, [r["bound"] for r in here], color="black", ls="--", label="bound, tokens")
        axes.plot(x, [r["tokens_relative"] for r in here], "o-", label="tokens")
        axes.plot(x, [r["seconds_relative"] for r in here], "s-", label="seconds", alpha=0.8)
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
        if varies in ("samples", "groups"):
            axes.set_xscale("log", base=2)
            axes.set_xticks(x, [str(value) for value in x])
    grid[0].set_ylabel("pruned against unpruned")
    grid[0].set_ylim(0)
    grid[0].legend(fontsize=9)
    figure.suptitle(
        "Cost of a pruned search; unless it is what varies: N = 16, keep 0.5, probe at 32"
    )
    figure.tight_layout()
    target = path.with_suffix(".png")
    figure.savefig(target, dpi=110)
    plt.close(figure)
    return target
