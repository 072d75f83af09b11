"""Gain over the uniform vote against the head's AUC, drawn from the JSON alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SAMPLES = 16
TITLES = {"accuracy": "level 6, temperature 1.75", "accuracy_t1": "levels 6 and 7, temperature 1"}


def simulation_plots(path: Path) -> list[Path]:
    """The grid of made-up populations at N = 16, and the two that are fitted, with what was measured."""
    result = json.loads(path.read_text())
    return [_invented(path, result), _fitted(path, result)]


def _invented(path: Path, result: dict[str, Any]) -> Path:
    settings = result["settings"]
    samples = min(settings["samples"], key=lambda n: abs(n - SAMPLES))
    figure, grid = plt.subplots(
        len(settings["collisions"]), len(settings["bases"]), figsize=(12, 7.5),
        sharex=True, sharey=True, squeeze=False,
    )  # fmt: skip
    for axes_row, collision in zip(grid, settings["collisions"], strict=True):
        for axes, base in zip(axes_row, settings["bases"], strict=True):
            where = {"model": None, "samples": samples, "base": base, "collision": collision}
            here = [r for r in result["rows"] if where.items() <= r.items()]
            _curves(axes, here, settings["aucs"])
            axes.set_title(
                f"pass@1 {base:g}, two wrong answers agree {collision:.0%}\n"
                f"uniform vote {here[0]['uniform_vote']:.2f}",
                fontsize=10,
            )
    _label(figure, grid)
    title = f"Synthetic groups, N = {samples}, {settings['questions']} questions a panel"
    return _save(figure, grid, title, path.with_suffix(".png"))


def _fitted(path: Path, result: dict[str, Any]) -> Path:
    models = result["settings"]["models"]
    figure, grid = plt.subplots(1, len(models), figsize=(12, 5.2), squeeze=False)
    for axes, model in zip(grid[0], models, strict=True):
        here = [r for r in result["rows"] if r["model"] == model["result"]]
        _curves(axes, here, result["settings"]["aucs"])
        _points(axes, model, [r["method"] for r in here])
        axes.set_title(
            f"{TITLES[model['result']]}, pass@1 {model['pass@1']:.2f}\nuniform vote: simulated "
            f"{here[0]['uniform_vote']:.2f}, measured {model['points'][0]['uniform_vote']:.2f}",
            fontsize=10,
        )
    _label(figure, grid)
    target = path.with_name("simulation_measured.png")
    title = "Groups fitted to the bundled model; diamonds: measured at the head's AUC at the probe"
    return _save(figure, grid, title, target)


def _curves(axes: Any, rows: Sequence[dict[str, Any]], aucs: Sequence[float]) -> None:
    """One population's curves with 95 % bands, 0 being the uniform vote of N unpruned rollouts."""
    axes.axhline(0, color="black", linewidth=0.8)
    for place, row in enumerate(rows):
        label = f"{row['method']} ({row['tokens_relative']:.2f} of the tokens)"
        low, high = zip(*row["gain_interval"], strict=True)
        axes.plot(aucs, row["gain"], color=f"C{place}", label=label)
        axes.fill_between(aucs, low, high, color=f"C{place}", alpha=0.12, linewidth=0)
    axes.grid(alpha=0.3)


def _points(axes: Any, model: dict[str, Any], methods: Sequence[str]) -> None:
    for point in model["points"]:
        place = methods.index(point["method"])
        low, high = point["gain_interval"]
        axes.errorbar(
            model["auc_probe"]["value"] + 0.004 * (place - 2),
            point["gain"],
            yerr=[[point["gain"] - low], [high - point["gain"]]],
            fmt="D", color=f"C{place}", markeredgecolor="black", markersize=5, capsize=2,
        )  # fmt: skip


def _label(figure: Any, grid: Any) -> None:
    for axes in grid[-1]:
        axes.set_xlabel("AUC within groups at the probe")
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy gain over\nuniform vote of all")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, ncol=2, loc="lower center", fontsize=9)


def _save(figure: Any, grid: Any, title: str, target: Path) -> Path:
    figure.suptitle(title)
    figure.tight_layout(rect=(0, 0.18 / len(grid), 1, 1))
    figure.savefig(target, dpi=110)
    plt.close(figure)
    return target
