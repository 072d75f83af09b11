"""Where the seconds of plain n = 16 and of our search go."""

from __future__ import annotations

from benchmarks.record import read_result

PROCESSES = {"engine": "engine", "front": "all others"}


def profile_search() -> str:
    """Milliseconds for a thousand tokens, by process, part and arm."""
    result = read_result("profile_search")
    settings, arms = result.settings, list(result.rows[0]["ms"])
    lines = [
        f"Milliseconds for 1,000 tokens: {settings['at_once']} questions of level {settings['level']} at "
        f"once, N = {settings['samples']}, {settings['blocks']} blocks, the arms in turn, py-spy at "
        f"{settings['rate']} Hz. {result.ending()}",
        "",
        f"| process | part | {' | '.join(arms)} |",
        f"|---|---|{'---|' * len(arms)}",
    ]
    for row in result.rows:
        figures = " | ".join(f"{row['ms'][arm]:.1f}" for arm in arms)
        lines.append(f"| {PROCESSES[row['process']]} | {row['part']} | {figures} |")
    return "\n".join(lines)
