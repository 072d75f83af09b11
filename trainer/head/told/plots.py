"""The plots of a head's card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.head.told.reliability import KEY, draw_reliability, off
from trainer.pictures import BLUE, COLOURS, GREEN, ORANGE, canvas, label_ends, message, save

Report = Mapping[str, Mapping[str, float]]
LABEL_WIDTH = 0.02
"""Of a number at a dot, as a share of the tokens."""
SHORT = {
    "hidden and statistics": "both (served)",
    "hidden only": "hidden state only",
    "statistics only": "statistics only",
    "hidden and statistics, no ranking term": "both, no ranking term",
}
"""Sets of inputs as they stand beside their lines."""


def saving_plot(path: Path, saving: Sequence[Mapping[str, Any]], questions: int) -> None:
    """What survives against what it costs, a line for each keep ratio, a dot for each probe."""
    figure, axes = canvas(width=8)
    base, banded = saving[0]["right_unpruned"], all("interval" in row for row in saving)
    for place, keep in enumerate(dict.fromkeys(row["keep"] for row in saving)):
        colour, rows = COLOURS[place], [row for row in saving if row["keep"] == keep]
        x, y = [row["tokens"] for row in rows], [row["right"] for row in rows]
        if banded:
            low, high = zip(*(row["interval"] for row in rows), strict=True)
            axes.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
        axes.plot(x, y, marker="o", markersize=4, color=colour)
        for row in _apart(rows):
            axes.annotate(
                str(row["probe"]), (row["tokens"], row["right"]), xytext=(0, 5),
                textcoords="offset points", ha="center", fontsize=8, color=colour,
            )  # fmt: skip
        axes.annotate(
            f"keep {keep:g}", (x[0], y[0]), xytext=(0, -14), textcoords="offset points",
            ha="center", fontsize=9.5, color=colour,
        )  # fmt: skip
    axes.axhline(base, color="0.5", linestyle=":")
    axes.set_xlabel("tokens spent, as a share of no pruning; numbers at dots: tokens at the probe")
    axes.set_ylabel("share of right ones among the survivors")
    axes.margins(x=0.08, y=0.12)
    label_ends(axes, [(1.0, base, "no pruning", "0.4")])
    row = max(saving, key=lambda row: row["right"] - base)
    title = (
        f"Keeping {row['keep']:g} at {row['probe']} tokens: {row['right']:.0%} of the survivors are right "
        f"instead of {base:.0%}"
    )
    message(
        figure,
        title,
        f"Replayed on {questions} test questions{'. Bands: 95 % intervals over them' * banded}",
    )
    save(figure, path)


def _apart(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those whose numbers do not stand on each other."""
    shown: list[Mapping[str, Any]] = []
    for row in rows:
        if not shown or row["tokens"] - shown[-1]["tokens"] > LABEL_WIDTH:
            shown.append(row)
    return shown


def auc_plot(path: Path, ablation: Mapping[str, Report], probe: int, questions: int) -> None:
    """Every set of inputs; the first, which is served, with its interval."""
    figure, axes = canvas(width=8)
    ends = []
    for place, (name, table) in enumerate(ablation.items()):
        names, colour = list(table), COLOURS[place % len(COLOURS)]
        values = [table[p]["auc_within_group"] for p in names]
        axes.plot(names, values, marker="o", markersize=4, color=colour, zorder=3 if place else 4)
        if place == 0:
            low = [table[p]["auc_within_group_low"] for p in names]
            high = [table[p]["auc_within_group_high"] for p in names]
            axes.fill_between(names, low, high, color=colour, alpha=0.2, linewidth=0)
        ends.append((len(names) - 1, values[-1], SHORT.get(name, name), colour))
    axes.axhline(0.5, color="0.5", linestyle=":")
    ends.append((0, 0.5, "chance", "0.4"))
    axes.set_xlabel("generated tokens when the head looks")
    axes.set_ylabel("right before wrong, of the same question (AUC)")
    label_ends(axes, ends)
    served = next(iter(ablation.values()))
    at = str(probe) if str(probe) in served else next(iter(served))
    title = (
        f"The head puts the right one of two replies first {served[at]['auc_within_group']:.0%} of the time "
        f"at {at} tokens"
    )
    message(figure, title, f"{questions} test questions. Band: 95 % interval of the served inputs")
    save(figure, path)


def reliability_plot(path: Path, found: Mapping[str, Any]) -> None:
    """``found``: see ``quality_reliability``. Probes and last tokens side by side: calibrated apart."""
    figure, panels = canvas(2, 9, 5.2, sharey=True)
    parts = (("at probes", found["probes"], BLUE), ("at the last token", found["final"], ORANGE))
    for axes, (name, bins, colour) in zip(panels, parts, strict=True):
        draw_reliability(axes, bins, colour)
        axes.set_title(name, fontsize=10)
    panels[1].set_ylabel("")
    early, last = (100 * off(bins) for _, bins, _ in parts)
    title = f"The head's probabilities are {early:.0f} points off at probes, {last:.0f} at the last token"
    message(figure, title, f"{found['questions']} test questions. {KEY}")
    save(figure, path)


def answer_plot(path: Path, bins: list[dict[str, Any]]) -> None:
    """P(the answer is right) beside how often it was, over searches of all sizes."""
    figure, axes = canvas(width=5.8, height=5.6)
    draw_reliability(axes, bins, GREEN)
    axes.set_xlabel("P(the answer is right), as replies report it")
    title = f"P(the answer is right) is {100 * off(bins):.0f} points off on average"
    message(figure, title, f"Leading answers. {KEY}")
    save(figure, path)
