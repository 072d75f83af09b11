"""Our training beside TRL's."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.record import read_result
from benchmarks.render.words import listed


def trl() -> str:
    """Steps per hour, peak memory and accuracy, a row an arm."""
    result = read_result("trl")
    settings = result.settings
    lines = [
        "| trainer | s/step | steps an hour | of TRL's | peak memory, GiB | pass@1 at the end |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['arm'] if row['arm'].startswith('TRL') else 'ours, ' + row['arm']} "
        f"| {_mean(row['seconds_per_step']):.2f} | {_mean(row['steps_per_hour']):.0f} "
        f"| {_mean(row['speed_of_trl']):.2f}x | {_mean(row['peak_bytes']) / 2**30:.1f} "
        f"| {_mean(row['pass@1']):.3f} |"
        for row in result.rows
    ]
    text = (
        f"{settings['trl']}, {settings['steps']} steps, seeds {listed(settings['seeds'])}; seconds are "
        f"medians of the steps on which pruning is in force. {result.where()}."
    )
    return "\n\n".join([text, "\n".join(lines)])


def trl_pruned() -> str:
    """Plain TRL beside TRL on our pruned engine: processor seconds of a step by phase."""
    result = read_result("trl_pruned")
    settings = result.settings
    phases = list(result.rows[0]["cpu_seconds_by_phase"])
    lines = [
        f"| trainer | {' | '.join(phases)} | in all | times TRL's steps an hour, by seed |",
        "|---" * (len(phases) + 3) + "|",
    ]
    for row in result.rows:
        each = [f"{_mean(row['cpu_seconds_by_phase'][phase]):.2f}" for phase in phases]
        speeds = ", ".join(f"{speed:.2f}" for speed in row["speed_of_trl"])
        total = f"{_mean(row['cpu_seconds_per_step']):.2f}"
        lines.append(f"| {' | '.join([row['arm'], *each, total, speeds])} |")
    text = (
        f"{settings['trl']}, {settings['steps']} steps, seeds {listed(settings['seeds'])}; processor "
        f"seconds, medians of the steps on which pruning is in force. {result.where()}."
    )
    return "\n\n".join(filter(None, [text, result.note, "\n".join(lines)]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
