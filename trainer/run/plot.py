"""A run's curves as one PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from trainer.errors import ConfigError
from trainer.run.log import read_metrics

FILE = "curves.png"
SMOOTH_FROM = 20
"""Steps from which on a running mean is drawn over the bare values."""
BUCKETS = {"hard": "tab:red", "medium": "tab:orange", "easy": "tab:green"}
PHASES = ("generate", "reward", "logprob", "update", "head", "sync")
Rows = Sequence[Mapping[str, Any]]


def plot_run(run: Path) -> Path:
    """Draw ``run``'s metrics into ``run/curves.png``. Raises ``ConfigError`` without any."""
    rows = read_metrics(run)
    if not rows:
        raise ConfigError(f"{run} has no metrics yet.")
    figure, axes = plt.subplots(3, 3, figsize=(16, 11))
    for axis, (title, draw) in zip(axes.flat, PANELS.items(), strict=True):
        draw(axis, rows)
        axis.set_title(title, fontsize=10.5)
        axis.set_xlabel("step", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=8, framealpha=0.8)
        else:
            axis.text(
                0.5, 0.5, "nothing logged", transform=axis.transAxes, ha="center", color="0.6"
            )
    figure.suptitle(f"{run.resolve().name}: {rows[-1]['step']} steps", fontsize=13)
    figure.tight_layout(rect=(0, 0, 1, 0.985))
    path = run / FILE
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def series(rows: Rows, key: str) -> tuple[list[int], list[float]]:
    """Steps and values where ``key`` is known."""
    known = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    return [step for step, _ in known], [value for _, value in known]


def running_mean(values: Sequence[float]) -> np.ndarray:
    """Moving mean over about a tenth of the steps, centred; shorter at both ends."""
    half = max(1, len(values) // 20)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    mean: np.ndarray = (sums[high] - sums[low]) / (high - low)
    return mean


def _line(axis: Any, rows: Rows, key: str, label: str, **style: Any) -> None:
    steps, values = series(rows, key)
    if not steps:
        return
    if len(steps) < SMOOTH_FROM:
        axis.plot(steps, values, label=label, marker="o", markersize=3, **style)
        return
    (bare,) = axis.plot(steps, values, alpha=0.3, linewidth=0.8, **style)
    smooth = {**style, "color": bare.get_color()}
    axis.plot(steps, running_mean(values), label=label, linewidth=1.8, **smooth)


def _accuracy(axis: Any, rows: Rows) -> None:
    _line(axis, rows, "reward", "training reward (right)")
    steps, values = series(rows, "eval/pass@1")
    if steps:
        axis.plot(steps, values, "k-o", label="held-out pass@1", markersize=4, linewidth=1.2)


def _head(axis: Any, rows: Rows) -> None:
    for key, label in (
        ("head/auc", "AUC"),
        ("head/auc_within_group", "AUC within group"),
        ("head/accuracy", "accuracy"),
        ("head/ece", "ECE"),
    ):
        _line(axis, rows, key, label)
    axis.axhline(0.5, color="0.5", linewidth=0.8, linestyle=":")
    axis.set_ylim(0, 1)


def _kept(axis: Any, rows: Rows) -> None:
    for name, colour in BUCKETS.items():
        _line(axis, rows, f"kept/{name}", f"{name} prompts", color=colour)
    _line(axis, rows, "kept", "all", color="black")
    axis.set_ylim(0, 1.03)


def _positive(axis: Any, rows: Rows) -> None:
    for name, colour in BUCKETS.items():
        _line(axis, rows, f"kept_positive/{name}", f"{name} prompts", color=colour)
    axis.axhline(0.5, color="0.5", linewidth=0.8, linestyle=":")
    axis.set_ylim(-0.03, 1.03)


def _groups(axis: Any, rows: Rows) -> None:
    for key, label in (
        ("groups", "sampled"),
        ("groups_mixed", "with signal"),
        ("groups_lost_to_pruning", "perhaps lost to pruning"),
    ):
        _line(axis, rows, key, label)
    axis.set_ylim(bottom=0)


def _tokens(axis: Any, rows: Rows) -> None:
    _line(axis, rows, "tokens_generated", "generated")
    _line(axis, rows, "tokens_trained", "trained")
    axis.set_ylim(bottom=0)


def _seconds(axis: Any, rows: Rows) -> None:
    """Stacked; what no phase accounts for is the white up to the total."""
    rows = [row for row in rows if row.get("seconds/total") is not None]
    if not rows:
        return
    steps = [row["step"] for row in rows]
    parts = {name: [row.get(f"seconds/{name}") or 0.0 for row in rows] for name in PHASES}
    used = {name: part for name, part in parts.items() if any(part)}
    axis.stackplot(steps, *used.values(), labels=list(used), alpha=0.85)
    axis.plot(steps, [row["seconds/total"] for row in rows], "k", linewidth=0.8, label="total")
    axis.set_ylim(bottom=0)


def _mismatch(axis: Any, rows: Rows) -> None:
    _line(axis, rows, "mismatch_kl", "KL of trainer and engine")
    _line(axis, rows, "sync_gap", "largest gap after a sync (nats)")
    if axis.lines:
        axis.set_yscale("log")


def _update(axis: Any, rows: Rows) -> None:
    _line(axis, rows, "grad_norm", "gradient norm")
    _line(axis, rows, "ess", "effective sample size (share)")
    _line(axis, rows, "reward_var", "reward variance within groups")
    axis.set_ylim(bottom=0)


PANELS: dict[str, Callable[[Any, Rows], None]] = {
    "accuracy": _accuracy,
    "quality head, on rollouts it had not seen": _head,
    "share of rollouts kept, by difficulty": _kept,
    "share of right ones among the kept, by difficulty": _positive,
    "rollout groups a step": _groups,
    "tokens a step": _tokens,
    "seconds a step": _seconds,
    "engine against trainer": _mismatch,
    "update": _update,
}
