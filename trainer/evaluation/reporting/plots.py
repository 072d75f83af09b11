"""``accuracy.png``, ``by_k.png``, ``calibration.png`` and ``compare.png``, drawn from reports alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.head.told.reliability import KEY, draw_reliability
from trainer.pictures import (
    BLUE,
    CLEAR,
    GREEN,
    GREY,
    ORANGE,
    RED,
    canvas,
    errors,
    label_ends,
    message,
    save,
)

CEILING = "pass@k"
"""No method: it knows which reply is right."""
NAMES = {"pass": "any of k is right", "maj": "majority of k", "weighted": "head's vote of k"}
K_COLOURS = {"pass": GREY, "maj": ORANGE, "weighted": BLUE}


def draw(report: Mapping[str, Any], folder: Path) -> None:
    """All plots; calibration only where there is a head."""
    _accuracy(report, folder / "accuracy.png")
    _by_k(report, folder / "by_k.png")
    if report["quality"]:
        _calibration(report, folder / "calibration.png")


def _accuracy(report: Mapping[str, Any], path: Path) -> None:
    """A row for each method: how often it is right on the left, what it costs on the right."""
    rows = sorted(report["methods"], key=lambda row: row["accuracy"])
    figure, (left, right) = canvas(
        2, 10.5, 1.9 + 0.3 * len(rows), sharey=True, width_ratios=(3, 1.5)
    )  # fmt: skip
    for place, row in enumerate(rows):
        x, colour = row["accuracy"], _colour(row)
        below, above = errors(x, row["interval"])
        left.errorbar(x, place, xerr=[[below], [above]], fmt="o", capsize=3, color=colour)
        left.annotate(f"{x:.3f}", (x, place), xytext=(0, 5), textcoords="offset points",
                      ha="center", fontsize=8, color=colour, bbox=CLEAR)  # fmt: skip
        right.barh(place, row["tokens_per_question"], color=colour, alpha=0.55, height=0.6)
        right.annotate(f"{row['tokens_per_question']:.0f}", (row["tokens_per_question"], place),
                       xytext=(3, 0), textcoords="offset points", va="center", fontsize=8)  # fmt: skip
    base = next((row["accuracy"] for row in rows if row["method"] == "uniform"), None)
    if base is not None:
        left.axvline(base, color="0.5", linestyle=":", zorder=0)
    left.set_yticks(range(len(rows)), [row["method"] for row in rows])
    left.set_ylim(-0.6, len(rows) - 0.3)
    left.set_xlabel("share of questions answered rightly")
    right.set_xlabel("tokens generated a question")
    right.margins(x=0.18)
    message(figure, _verdict(rows, base), f"{_of(report)}. Bars: 95 % intervals. "
            "Green and red: differs from the uniform vote (dotted); one in 20 does so by chance")  # fmt: skip
    save(figure, path)


def _colour(row: Mapping[str, Any]) -> str:
    if row["method"] == CEILING:
        return GREY
    if row["method"] == "uniform":
        return ORANGE
    low, high = row["difference_interval"]
    return GREEN if low > 0 else RED if high < 0 else BLUE


def _verdict(rows: Sequence[Mapping[str, Any]], base: float | None) -> str:
    best = max((row for row in rows if row["method"] != CEILING), key=lambda row: row["accuracy"])
    if base is None or best["method"] == "uniform":
        return f"'{best['method']}' is right most often: {best['accuracy']:.1%}"
    if best["difference_interval"][0] <= 0:
        return f"No method is clearly better than the uniform vote ({base:.1%})"
    return (
        f"'{best['method']}' beats the uniform vote: {best['accuracy']:.1%} instead of {base:.1%}"
    )


def _of(report: Mapping[str, Any]) -> str:
    s = report["settings"]
    return f"{s.get('model')}, {', '.join(report['sets'])}, {len(report['questions'])} questions"


def _by_k(report: Mapping[str, Any], path: Path) -> None:
    rows, ends = report["by_k"], []
    figure, axes = canvas()
    values = {(row["measure"], row["k"]): row["accuracy"] for row in rows}
    for name in dict.fromkeys(row["measure"] for row in rows):
        mine = [row for row in rows if row["measure"] == name]
        x, y = [row["k"] for row in mine], [row["accuracy"] for row in mine]
        low, high = zip(*(row["interval"] for row in mine), strict=True)
        axes.fill_between(x, low, high, color=K_COLOURS[name], alpha=0.13, linewidth=0)
        axes.plot(x, y, marker="o", markersize=4, color=K_COLOURS[name])
        ends.append((x[-1], y[-1], f"{NAMES[name]}: {y[-1]:.2f}", K_COLOURS[name]))
    ks = sorted({row["k"] for row in rows})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ks, [str(k) for k in ks])
    axes.minorticks_off()
    axes.set_xlabel("k, replies a question")
    axes.set_ylabel("share of questions answered rightly")
    label_ends(axes, ends)
    first, last = values["maj", ks[0]], values["maj", ks[-1]]
    alone = "a single one" if ks[0] == 1 else f"of {ks[0]}"
    title = f"A majority of {ks[-1]} replies is right {last:.1%} of the time, {alone} {first:.1%}"
    message(figure, title, f"{_of(report)}. Bands: 95 % intervals over questions")
    save(figure, path)


def _calibration(report: Mapping[str, Any], path: Path) -> None:
    figure, axes = canvas(width=5.8, height=5.6)
    draw_reliability(axes, report["quality"]["bins"], BLUE)
    title = (
        f"The head's probabilities are {100 * report['quality']['ece']:.0f} points off on average"
    )
    message(figure, title, f"Last tokens. {KEY}")
    save(figure, path)


def draw_comparison(comparison: Mapping[str, Any], names: tuple[str, str], folder: Path) -> None:
    """``compare.png``: each method's paired difference and its interval."""
    rows = comparison["methods"][::-1]
    figure, axes = canvas(width=8, height=1.9 + 0.35 * len(rows))
    axes.axvline(0, color="0.5", linestyle=":")
    for place, row in enumerate(rows):
        x, (low, high) = row["difference"], row["interval"]
        colour = GREEN if low > 0 else RED if high < 0 else BLUE
        below, above = errors(x, (low, high))
        axes.errorbar(x, place, xerr=[[below], [above]], fmt="o", capsize=3, color=colour)
        axes.annotate(f"{x:+.3f}", (x, place), xytext=(0, 6), textcoords="offset points",
                      ha="center", fontsize=8, color=colour, bbox=CLEAR)  # fmt: skip
    axes.set_yticks(range(len(rows)), [row["method"] for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.3)
    axes.set_xlabel(f"accuracy of {names[1]} minus accuracy of {names[0]}")
    better, worse = (sum(test(row["interval"]) for row in rows) for test in (_above, _below))
    title = f"{names[1]} is better in {better}, worse in {worse} of {len(rows)} methods"
    message(
        figure,
        title,
        f"{len(comparison['questions'])} questions of both. Bars: 95 % intervals, paired",
    )
    save(figure, folder / "compare.png")


def _above(interval: Sequence[float]) -> bool:
    return interval[0] > 0


def _below(interval: Sequence[float]) -> bool:
    return interval[1] < 0
