"""Our training beside TRL's."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.record import read_result
from benchmarks.render.words import listed


def trl() -> str:
    """Processor seconds of a step by phase, steps an hour, peak memory and accuracy, a row an arm."""
    result = read_result("trl")
    settings = result.settings
    phases = list(result.rows[0]["cpu_seconds_by_phase"])
    beside = list(result.rows[0]["speed_of"])
    heads = ["trainer", *phases, "in all", *(f"times the steps an hour of {arm}" for arm in beside)]
    heads += ["peak memory, GiB", "pass@1 at the end"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in result.rows:
        cells = [row["arm"] if row["arm"].startswith("TRL") else f"ours, {row['arm']}"]
        cells += [f"{_mean(row['cpu_seconds_by_phase'][phase]):.2f}" for phase in phases]
        cells += [f"{_mean(row['cpu_seconds_per_step']):.2f}"]
        cells += [with_range(row["speed_of"][arm]) for arm in beside]
        cells += [f"{_mean(row['peak_bytes']) / 2**30:.1f}", f"{_mean(row['pass@1']):.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    text = (
        f"{settings['trl']}, {settings['steps']} steps, seeds {listed(settings['seeds'])}; processor "
        "seconds a step, medians of the generations on which pruning is in force. Tuned: one generation for "
        f"{settings['tuned']['rollout.batches']} steps. {result.where()}."
    )
    return "\n\n".join(filter(None, [text, result.note, "\n".join(lines)]))


def with_range(speeds: Sequence[float]) -> str:
    """Their mean, and the lowest and highest of several seeds."""
    if len(speeds) == 1:
        return f"{speeds[0]:.2f}"
    return f"{_mean(speeds):.2f} ({min(speeds):.2f} to {max(speeds):.2f})"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
