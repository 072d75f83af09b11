"""The simulator's break-even points, and how near it comes to what was measured."""

from __future__ import annotations

from typing import Any

from benchmarks.record import read_result
from benchmarks.render.words import listed

SHOWN = (
    "keep 0.5, quality vote",
    "keep 0.25, quality vote",
    "keep 0.5, uniform vote",
    "keep 0.5 of more, quality vote",
)


def groups() -> str:
    """What the bundled model's groups are like."""
    result = read_result("groups")
    lines = [
        "| levels | temperature | pass@1 | a + b of Beta | two wrong answers agree | wrong without answer "
        "| AUC at the probe | AUC at the end |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {listed(row['levels'])} | {row['temperature']:g} | {row['pass@1']:.3f} "
        f"| {row['concentration']:.2f} | {row['collision']:.3f} | {row['silent']:.3f} "
        f"| {_auc(row['auc_probe'])} | {_auc(row['auc_end'])} |"
        for row in result.rows
    ]
    text = f"{result.settings['questions']} questions a row, N = {result.settings['samples']}, probe at "
    text += f"{result.settings['probe']} tokens. {result.where()}."
    return "\n".join([text, "", *lines])


def _auc(auc: dict[str, float]) -> str:
    return f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})"


def simulation() -> str:
    """Break-even AUCs of made-up populations, then the fitted ones beside the measurements."""
    result = read_result("simulation")
    settings = result.settings
    lines = [
        "AUC within groups at the probe from which on a method is at least as right as the uniform vote of "
        f"all N; never: not up to {settings['aucs'][-1]}, always: from {settings['aucs'][0]} on. "
        f"{settings['questions']} questions a row, a + b = {settings['concentration']:g}, probe at "
        f"{settings['probe_share']:.0%} of the length. {_costs(result)}",
        "",
        f"| pass@1 | two wrong agree | N | uniform vote | {' | '.join(SHOWN)} |",
        "|---|---|---|---|" + "---|" * len(SHOWN),
    ]
    for first in (r for r in result.rows if r["model"] is None and r["method"] == SHOWN[0]):
        key = {k: first[k] for k in ("base", "collision", "samples", "model")}
        same = {r["method"]: r for r in result.rows if key.items() <= r.items()}
        cells = " | ".join(_break_even(same[method], settings["aucs"][0]) for method in SHOWN)
        lines.append(
            f"| {first['base']:g} | {first['collision']:.0%} | {first['samples']} "
            f"| {first['uniform_vote']:.3f} | {cells} |"
        )
    pictures = [
        "![Simulated gain](benchmarks/results/simulation.png)",
        "![Simulated and measured gain](benchmarks/results/simulation_measured.png)",
    ]
    return "\n\n".join(["\n".join(lines), pictures[0], *_fits(result), pictures[1]])


def _costs(result: Any) -> str:
    """Tokens of each method against N unpruned rollouts."""
    costs = {row["method"]: row["tokens_relative"] for row in result.rows if row["samples"] == 16}
    return f"Tokens: {', '.join(f'{costs[name]:.2f} ({name})' for name in SHOWN)}."


def _break_even(row: dict[str, Any], lowest: float) -> str:
    found = row["break_even_auc"]
    return "never" if found is None else "always" if found == lowest else f"{found:.2f}"


def _fits(result: Any) -> list[str]:
    """Simulated against measured, for each fitted population."""
    aucs = result.settings["aucs"]
    lines = [
        "| levels, temperature | method | simulated gain | measured gain |",
        "|---|---|---|---|",
    ]
    for model in result.settings["models"]:
        curves = {r["method"]: r["gain"] for r in result.rows if r["model"] == model["result"]}
        where = f"{listed(model['levels'])} at {model['temperature']:g}"
        for point in model["points"]:
            gain = _at(model["auc_probe"]["value"], aucs, curves[point["method"]])
            low, high = point["gain_interval"]
            lines.append(
                f"| {where} | {point['method']} | {gain:+.3f} "
                f"| {point['gain']:+.3f} ({low:+.3f} to {high:+.3f}) |"
            )
    return ["\n".join(lines)]


def _at(auc: float, aucs: list[float], gain: list[float]) -> float:
    import numpy as np

    return float(np.interp(auc, aucs, gain))
