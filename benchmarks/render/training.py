"""What pruning saves in training, and what it does to what is learned."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import stdev

from benchmarks.plots.training import clock_of
from benchmarks.record import Result, read_result
from benchmarks.render.words import levels, listed
from benchmarks.training.arms import RECIPE
from trainer.config import load_config
from trainer.run.metrics import BUCKETS


def training(name: str = "training") -> str:
    """What pruning saves in training, and what it does to what is learned."""
    result = read_result(name)
    settings = result.settings
    base, clock = settings.get("base", "none"), clock_of(result.rows)
    gain = "gain_at_equal_seconds" + ("_cpu" if clock == "seconds_cpu" else "")
    lines = [
        _caption(result),
        "",
        f"| rollouts pruned by | seeds | s/step | generate | log-probs | update | tokens generated | speed "
        f"| pass@1 | against {base}, equal steps | against {base}, equal seconds |",
        "|---" * 11 + "|",
    ]
    plain = next(row["tokens_generated"] for row in result.rows if row["arm"] == base)
    for row in result.rows:
        phases = " | ".join(
            f"{row[f'{clock}_{p}'] or 0.0:.2f}" for p in ("generate", "logprob", "update")
        )
        gains = " | ".join(spread(row[k]) for k in ("gain_over_base", gain))
        speed = row["speedup" if clock == "seconds" else "speedup_cpu"]
        lines.append(
            f"| {row['arm']} | {len(row['seeds'])} | {row[f'{clock}_per_step']:.2f} | {phases} "
            f"| {row['tokens_generated'] / plain:.2f} | {speed:.2f}x | {_mean(row['pass@1']):.3f} | {gains} |"
        )
    if found := _intervals(result, gain):
        lines += ["", found]
    if "groups_whole" in result.rows[0]:
        lines += ["", *_signal(result)]
    return "\n".join([*lines, "", f"![Training](benchmarks/results/{name}.png)"])


def _caption(result: Result) -> str:
    settings = result.settings
    changes = settings["changes"]
    recipe = load_config(RECIPE)
    prompts = changes.get("rollout.prompts", recipe.rollout.prompts)
    which = levels(changes.get("data.levels", recipe.data.levels))
    before = [value for row in result.rows for value in row["pass@1_before"]]
    seconds = (
        ""
        if clock_of(result.rows) == "seconds"
        else ("The machine was busy: seconds are those of the trainer's process on processors. ")
    )
    return (
        f"Training the bundled model on {which} at temperature {changes['rollout.temperature']:g}, "
        f"{prompts} prompts a step, {settings['steps']} steps, seeds {listed(settings['seeds'])}; "
        f"{changes['optim.minibatches']} optimizer steps a step, pruned from step "
        f"{changes['prune.cold_start'] + 1} on; GRPO, keep 0.5 and the "
        f"probe at 32 tokens unless named. Before training pass@1 is {min(before):.3f}. Differences are "
        f"paired by seed, with the lowest and highest. {seconds}{result.where()}."
    )


STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Quantiles 0.975 of Student's t with 1 degree of freedom and more."""


def _intervals(result: Result, gain: str) -> str:
    """Of the mean differences, where there are seeds enough; empty: nowhere."""
    base = result.settings.get("base", "none")
    parts = [
        f"{row['arm']} {_interval(row['gain_over_base'])} and {_interval(row[gain])}"
        for row in result.rows
        if row["arm"] != base and len(row["seeds"]) > 2
    ]
    if not parts:
        return ""
    return (
        "95 % intervals of the mean differences, by Student's t over seeds, after equal steps and after "
        f"equal seconds: {'; '.join(parts)}."
    )


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean of at least two seeds, with its 95 % interval."""
    mean = _mean(values)
    error = STUDENT[len(values) - 2] * stdev(values) / len(values) ** 0.5
    return mean, mean - error, mean + error


def _interval(values: Sequence[float]) -> str:
    _, low, high = interval(values)
    return f"{low:+.3f} to {high:+.3f}"


def _signal(result: Result) -> list[str]:
    """What is left to learn from, and how long it takes."""
    clock = clock_of(result.rows)
    goals = list(result.rows[0]["time_to"])
    lines = [
        "| rollouts pruned by | groups with signal | variance in groups "
        "| right among the kept: hard, medium, easy prompts "
        f"| {' | '.join(f's to pass@1 {goal}' for goal in goals)} "
        "| rollouts an optimizer step | squared norm of its gradient times these |",
        "|---" * (6 + len(goals)) + "|",
    ]
    for row in result.rows:
        kept = ", ".join(_figure(row[f"kept_positive/{name}"]) for name in BUCKETS)
        times = " | ".join(_times(row["time_to"][goal][clock]) for goal in goals)
        lines.append(
            f"| {row['arm']} | {row['groups_mixed'] / row['groups']:.2f} | {row['reward_var']:.3f} | {kept} "
            f"| {times} | {_figure(row.get('rollouts_per_update'), 0)} "
            f"| {_figure(row.get('gradient2_rollouts'))} |"
        )
    return lines


def _figure(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _times(values: Sequence[float | None]) -> str:
    """The mean over the seeds that came so far, and how many did."""
    there = [value for value in values if value is not None]
    return (
        f"{_mean(there):.0f} ({len(there)} of {len(values)})" if there else f"none of {len(values)}"
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def spread(values: Sequence[float]) -> str:
    """Mean, and lowest and highest where there are several."""
    if len(values) == 1:
        return f"{values[0]:+.3f}"
    return f"{_mean(values):+.3f} ({min(values):+.3f} to {max(values):+.3f})"
