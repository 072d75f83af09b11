"""``tune.png``: the presets above the uniform vote, drawn from ``tune.json`` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.evaluation.tuning.choose import USUAL
from trainer.pictures import BLUE, GREEN, GREY, PURPLE, RED, canvas, errors, message, save

COLOURS = {"fast": GREEN, "balanced": BLUE, "best": RED}


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Accuracy against tokens on the second half."""
    figure, axes = canvas(width=8.5, height=5.2)
    votes, shown = (
        found["uniform"],
        {n: found["live"].get(n, row) for n, row in found["presets"].items()},
    )
    axes.plot(*_points(votes), "o-", color=GREY, markersize=4)
    for row in votes:
        _beside(axes, row, str(row["samples"]), (4, -11), GREY, 8.5)
    last = votes[-1]
    _beside(axes, last, "plain samples,\nuniform vote", (8, -4), GREY, 9.5)
    axes.plot(*_points(found["front"]), ".", color=BLUE, alpha=0.35)
    for name, row in shown.items():
        x, y, colour = row["tokens_relative"], row["accuracy"], COLOURS.get(name, PURPLE)
        below, above = errors(y, row["interval"])
        axes.errorbar(
            x, y, yerr=[[below], [above]], fmt="*", markersize=15, capsize=3, color=colour, zorder=3
        )
        same = found["presets"][name]["arrol"]
        together = [n for n, other in found["presets"].items() if other["arrol"] == same]
        if together[0] == name:
            _beside(axes, row, ", ".join(together), (10, 8), colour, 12)
    _scale(axes)
    axes.margins(x=0.14)
    s, how = found["settings"], "really run" if found["live"] else "replayed"
    under = (
        f"{s['model']}, {found['reported_on']} questions that did not choose, temperature "
        f"{s['temperature']:g}. Stars: presets, {how}, 95 % intervals; dots: other plans, replayed"
    )
    message(figure, story(shown, votes), under)
    save(figure, path)


def story(presets: Mapping[str, Mapping[str, Any]], votes: Sequence[Mapping[str, Any]]) -> str:
    """What the cheapest preset that is as good as plain samples costs."""
    usual = next((row for row in votes if row["samples"] == USUAL), votes[-1])
    good = {n: r for n, r in presets.items() if r["accuracy"] >= usual["accuracy"]}
    if not good:
        return f"No preset reaches the uniform vote of {usual['samples']} here"
    name = min(good, key=lambda n: good[n]["tokens_relative"])
    share = good[name]["tokens_relative"] / usual["tokens_relative"]
    return (
        f"'{name}' is right {good[name]['accuracy']:.1%} of the time for {share:.0%} of the tokens; "
        f"the vote of {usual['samples']} {usual['accuracy']:.1%}"
    )


def _points(rows: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[float]]:
    return [r["tokens_relative"] for r in rows], [r["accuracy"] for r in rows]


def _beside(
    axes: Any, row: Mapping[str, Any], text: str, offset: tuple[int, int], colour: str, size: float
) -> None:
    axes.annotate(
        text, (row["tokens_relative"], row["accuracy"]), xytext=offset, textcoords="offset points",
        color=colour, fontsize=size,
    )  # fmt: skip


def _scale(axes: Any) -> None:
    axes.set_xscale("log")
    ticks = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16)
    low, high = axes.get_xlim()
    shown = [t for t in ticks if low <= t <= high]
    axes.set_xticks(shown, [f"{t:g}x" if t >= 1 else f"1/{round(1 / t)}" for t in shown])
    axes.minorticks_off()
    axes.set_xlabel(f"tokens a question, relative to {USUAL} plain samples")
    axes.set_ylabel("share of questions answered rightly")
