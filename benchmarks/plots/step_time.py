"""Time a step against its rows and against the hidden size, drawn from the JSON alone."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import ScalarFormatter


def step_time_plot(path: Path) -> Path:
    """Two panels, both logarithmic, in microseconds."""
    rows = json.loads(path.read_text())["rows"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.5))
    parts = list(dict.fromkeys(row["part"] for row in rows))
    for part in parts:
        here = [row for row in rows if row["part"] == part]
        by_hidden = part == "scoring by hidden size"
        axes = right if by_hidden else left
        x = [row["hidden" if by_hidden else "rows"] for row in here]
        middle = [row["seconds_p50"] * 1e6 for row in here]
        high = [row["seconds_p95"] * 1e6 for row in here]
        vocabulary = f", vocabulary {here[0]['vocabulary']}" if "vocabulary" in here[0] else ""
        (line,) = axes.plot(x, middle, marker="o", label=f"{part}{vocabulary}")
        axes.fill_between(x, middle, high, color=line.get_color(), alpha=0.15, linewidth=0)
    left.set_xlabel("rows in the step")
    right.set_xlabel("hidden size, 128 rows")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_ylabel("microseconds a step (median to 95th percentile)")
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    figure.suptitle("Scoring and group bookkeeping, one CPU thread")
    figure.tight_layout()
    target = path.with_suffix(".png")
    figure.savefig(target, dpi=110)
    plt.close(figure)
    return target
