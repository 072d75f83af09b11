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
    lines = [
        f"| trainer | {' | '.join(phases)} | in all | times TRL's steps an hour, by seed | peak memory, GiB "
        "| pass@1 at the end |",
        "|---" * (len(phases) + 5) + "|",
    ]
    for row in result.rows:
        name = row["arm"] if row["arm"].startswith("TRL") else f"ours, {row['arm']}"
        each = [f"{_mean(row['cpu_seconds_by_phase'][phase]):.2f}" for phase in phases]
        speeds = ", ".join(f"{speed:.2f}" for speed in row["speed_of_trl"])
        lines.append(
            f"| {name} | {' | '.join(each)} | {_mean(row['cpu_seconds_per_step']):.2f} | {speeds} "
            f"| {_mean(row['peak_bytes']) / 2**30:.1f} | {_mean(row['pass@1']):.3f} |"
        )
    text = (
        f"{settings['trl']}, {settings['steps']} steps, seeds {listed(settings['seeds'])}; processor "
        "seconds a step, medians of the generations on which pruning is in force. Tuned: one generation for "
        f"{settings['tuned']['rollout.batches']} steps. {result.where()}."
    )
    return "\n\n".join(filter(None, [text, result.note, "\n".join(lines)]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
