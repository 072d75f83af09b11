"""What all plots have in common: one message on top, labels beside what they name, no legend on the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BLUE, ORANGE, GREEN, RED, PURPLE, GREY = (
    "#1f6fb4",
    "#d9730d",
    "#2a8c4a",
    "#c43c39",
    "#7d54b2",
    "#777777",
)
CLEAR = {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8}
"""Behind figures that stand on lines."""
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, "#0e8a8a", "#8a6d3b", GREY)


def canvas(columns: int = 1, width: float = 7.5, height: float = 4.5, **options: Any) -> Any:
    """A figure and its axes, without the frame's upper and right edge, with a faint grid."""
    figure, axes = plt.subplots(
        1, columns, figsize=(width, height), layout="constrained", **options
    )
    for one in [axes] if columns == 1 else axes:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(alpha=0.25)
    return figure, axes


def message(figure: Any, title: str, under: str) -> None:
    """``title``: what is to be seen; ``under``: of what, and what the marks are."""
    figure.suptitle(f"{title}\n", fontsize=12.5, fontweight="bold", x=0.01, ha="left")
    height = 0.985 - 0.30 / figure.get_figheight()
    figure.text(0.01, height, under, fontsize=9, color="0.35", va="top")


def label_ends(axes: Any, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """(x, y, text, colour) written right of each point, moved apart where they would overlap."""
    axes.autoscale_view()
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = [float(to_axes.transform((x, y))[1]) for x, y, _, _ in ends]
    for (x, y, text, colour), place in zip(ends, spread(heights, 0.058), strict=True):
        axes.annotate(
            text, (x, y), xytext=(1.015, place), textcoords=axes.transAxes,
            color=colour, fontsize=9.5, va="center", annotation_clip=False,
        )  # fmt: skip


def spread(values: Sequence[float], gap: float) -> list[float]:
    """The values, at least ``gap`` apart, each as near to where it was as its neighbours allow."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    blocks: list[tuple[float, int]] = []  # centre, number
    for place in order:
        blocks.append((values[place], 1))
        while len(blocks) > 1:
            (a, n), (b, m) = blocks[-2:]
            if b - a >= gap * (n + m) / 2:
                break
            blocks[-2:] = [((a * n + b * m) / (n + m), n + m)]
    placed = [centre + (i - (n - 1) / 2) * gap for centre, n in blocks for i in range(n)]
    found = dict(zip(order, placed, strict=True))
    return [found[place] for place in range(len(values))]


def save(figure: Any, path: Path) -> None:
    """The same figure gives the same bytes."""
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)


def errors(value: float, interval: Sequence[float]) -> tuple[float, float]:
    """How far the interval reaches below and above, as error bars want it."""
    return max(0.0, value - interval[0]), max(0.0, interval[1] - value)
