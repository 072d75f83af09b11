"""A run's curves as one PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from trainer.errors import ConfigError
from trainer.pictures import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, label_ends, save
from trainer.run.log import read_metrics

FILE = "curves.png"
SMOOTH_FROM = 20
"""Steps from which on a running mean is drawn over the bare values."""
BUCKETS = {"hard": RED, "medium": ORANGE, "easy": GREEN}
PHASES = {
    "generate": BLUE, "reward": ORANGE, "logprob": PURPLE, "update": GREEN, "head": RED, "sync": GREY,
}  # fmt: skip
BLACK = "#222222"
Rows = Sequence[Mapping[str, Any]]
Lines = Sequence[tuple[str, str, str]]
"""(key, label, colour) of each line of a panel."""


def plot_run(run: Path) -> Path:
    """Draw ``run``'s metrics into ``run/curves.png``. Raises ``ConfigError`` without any."""
    rows = read_metrics(run)
    if not rows:
        raise ConfigError(f"{run} has no metrics yet.")
    figure, axes = plt.subplots(4, 3, figsize=(18, 15), layout="constrained")
    for axis, (title, (unit, draw)) in zip(axes.flat, PANELS.items(), strict=True):
        ends = draw(axis, rows)
        axis.set_title(title, fontsize=11, loc="left", fontweight="bold")
        axis.set_xlabel("step", fontsize=8.5)
        axis.set_ylabel(unit, fontsize=8.5)
        axis.tick_params(labelsize=8.5)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        if ends:
            label_ends(axis, ends)
        else:
            axis.text(
                0.5, 0.5, "nothing logged", transform=axis.transAxes, ha="center", color="0.6"
            )
    smooth = (
        f". Thick: mean of the last {window(len(rows))} steps" if len(rows) >= SMOOTH_FROM else ""
    )
    figure.suptitle(
        f"{run.resolve().name}: {story(rows)}{smooth}\n", fontsize=14, x=0.01, ha="left"
    )
    save(figure, run / FILE)
    return run / FILE


def story(rows: Rows) -> str:
    """What the run has come to, in one sentence."""
    done = rows[-1]["step"]
    for key, name in (("eval/pass@1", "held-out pass@1"), ("reward", "share of right rollouts")):
        _, values = series(rows, key)
        if len(values) > 1:
            if key == "reward":
                if len(values) < SMOOTH_FROM:  # single steps say little
                    break
                part = window(len(values))
                values = [float(np.mean(values[:part])), float(np.mean(values[-part:]))]
            return f"{name} {values[0]:.3f} to {values[-1]:.3f} in {done} steps"
    return f"{done} steps"


def series(rows: Rows, key: str) -> tuple[list[int], list[float]]:
    """Steps and values where ``key`` is known."""
    known = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    return [step for step, _ in known], [value for _, value in known]


def window(steps: int) -> int:
    """Over how many steps is smoothed: a tenth."""
    return max(2, steps // 10)


def running_mean(values: Sequence[float]) -> np.ndarray:
    """Mean of the last tenth of the steps: nothing is seen before it has happened."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(1, len(values) + 1)
    low = np.maximum(at - window(len(values)), 0)
    mean: np.ndarray = (sums[at] - sums[low]) / (at - low)
    return mean


def _line(axis: Any, rows: Rows, key: str, label: str, colour: str) -> list[Any]:
    steps, values = series(rows, key)
    if not steps:
        return []
    if len(steps) < SMOOTH_FROM:
        axis.plot(steps, values, marker="o", markersize=3, color=colour)
        return [(steps[-1], values[-1], label, colour)]
    axis.plot(steps, values, alpha=0.3, linewidth=0.8, color=colour)
    mean = running_mean(values)
    axis.plot(steps, mean, linewidth=1.8, color=colour)
    return [(steps[-1], float(mean[-1]), label, colour)]


def _lines(*lines: tuple[str, str, str], **limits: float) -> Callable[[Any, Rows], list[Any]]:
    """A panel of lines between ``limits`` of its y axis."""

    def draw(axis: Any, rows: Rows) -> list[Any]:
        ends = [end for line in lines for end in _line(axis, rows, *line)]
        if ends and limits:
            axis.set_ylim(**limits)
        return ends

    return draw


def _accuracy(axis: Any, rows: Rows) -> list[Any]:
    ends = _line(axis, rows, "reward", "training", BLUE)
    steps, values = series(rows, "eval/pass@1")
    if steps:
        axis.plot(steps, values, "-o", color=BLACK, markersize=4, linewidth=1.2)
        ends.append((steps[-1], values[-1], "held-out pass@1", BLACK))
    return ends


def _seconds(axis: Any, rows: Rows) -> list[Any]:
    """Stacked; what no phase accounts for is the white up to the total."""
    rows = [row for row in rows if row.get("seconds/total") is not None]
    if not rows:
        return []
    steps = [row["step"] for row in rows]
    parts = {name: [row.get(f"seconds/{name}") or 0.0 for row in rows] for name in PHASES}
    used = {name: part for name, part in parts.items() if any(part)}
    colours = [PHASES[name] for name in used]
    axis.stackplot(steps, *used.values(), colors=colours, alpha=0.75)
    axis.plot(steps, [row["seconds/total"] for row in rows], color=BLACK, linewidth=0.8)
    axis.set_ylim(bottom=0)
    ends, floor = [], 0.0
    for name, part in used.items():
        ends.append((steps[-1], floor + part[-1] / 2, name, PHASES[name]))
        floor += part[-1]
    return [*ends, (steps[-1], rows[-1]["seconds/total"], "total", BLACK)]


def _mismatch(axis: Any, rows: Rows) -> list[Any]:
    """Logarithmic, where labels' places are those of logarithms."""
    ends = _lines(
        ("mismatch_kl", "KL", BLUE), ("sync_gap", "gap after a sync", ORANGE)
    )(axis, rows)  # fmt: skip
    if ends and all(y > 0 for _, y, _, _ in ends):
        axis.set_yscale("log")
    return ends


def _kept(key: str) -> Callable[[Any, Rows], list[Any]]:
    lines = [(f"{key}/{name}", name, colour) for name, colour in BUCKETS.items()]
    if key == "kept":
        lines.append((key, "all", BLACK))
    return _lines(*lines, bottom=-0.03, top=1.03)


PANELS: dict[str, tuple[str, Callable[[Any, Rows], list[Any]]]] = {
    "Right rollouts": ("share", _accuracy),
    "Loss": ("loss", _lines(("loss", "loss", BLUE))),
    "Length of rollouts": ("tokens", _lines(("length", "mean of survivors", BLUE), bottom=0)),
    "Kept by pruning, by difficulty of the prompt": ("share of rollouts", _kept("kept")),
    "Right ones among the kept": ("share", _kept("kept_positive")),
    "Quality head, on rollouts it had not seen": (
        "AUC, or share",
        _lines(
            ("head/auc", "AUC", BLUE),
            ("head/auc_within_group", "AUC within group", GREEN),
            ("head/accuracy", "accuracy", PURPLE),
            ("head/ece", "calibration error", RED),
            bottom=0,
            top=1,
        ),
    ),
    "Prompts": (
        "groups a step",
        _lines(
            ("groups", "sampled", BLUE),
            ("groups_mixed", "with signal", GREEN),
            ("groups_lost_to_pruning", "perhaps lost to pruning", RED),
            bottom=0,
        ),
    ),
    "Tokens": (
        "tokens a step",
        _lines(
            ("tokens_generated", "generated", BLUE), ("tokens_trained", "trained", GREEN), bottom=0
        ),
    ),
    "Truncated rollouts": ("share", _lines(("truncated", "truncated", RED), bottom=0)),
    "Time": ("seconds a step", _seconds),
    "Engine against trainer": ("nats", _mismatch),
    "Update": (
        "norm, or share",
        _lines(
            ("grad_norm", "gradient norm", BLUE),
            ("ess", "effective sample size", GREEN),
            ("reward_var", "reward variance in groups", ORANGE),
            bottom=0,
        ),
    ),
}
