"""What the server held during the soak, drawn from the JSON alone."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PANELS = {
    "requests": {
        "in_flight": "clients that wait",
        "arrol_queued_requests": "queued",
        "vllm:num_requests_running": "candidates running",
        "vllm:num_requests_waiting": "candidates waiting",
    },
    "descriptors, tasks": {"descriptors": "file descriptors", "tasks": "asyncio tasks"},
    "memory, MiB": {"memory": "API server", "engine_memory": "engine"},
}


def soak_plot(path: Path) -> Path:
    """Three panels over time; the dots are the idle moments, which must be level."""
    rows = json.loads(path.read_text())["rows"]
    busy = [row for row in rows if row["part"] == "busy"]
    idle = [row for row in rows if row["part"] == "idle"]
    figure, grid = plt.subplots(len(PANELS), 1, figsize=(9, 9), sharex=True)
    for axes, (label, lines) in zip(grid, PANELS.items(), strict=True):
        unit = 2**20 if "MiB" in label else 1
        for name, said in lines.items():
            at, values = [r["at_s"] / 60 for r in busy], [r[name] / unit for r in busy]
            (line,) = axes.plot(at, values, label=said, lw=1)
            if name in idle[0]:
                at, values = [r["at_s"] / 60 for r in idle], [r[name] / unit for r in idle]
                axes.plot(at, values, "o", color=line.get_color(), ms=6, mec="black")
        axes.set_ylabel(label)
        axes.set_ylim(0)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    grid[-1].set_xlabel("minutes (dots: the server at rest after each round)")
    ended = idle[-1]["ended"]
    grid[0].set_title(f"{ended} random requests, half of them left by their clients")
    figure.tight_layout()
    target = path.with_suffix(".png")
    figure.savefig(target, dpi=110)
    plt.close(figure)
    return target
