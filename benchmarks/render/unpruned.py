"""Our search beside plain n = 16, nothing pruned."""

from __future__ import annotations

from benchmarks.record import Result, read_result

PLAIN = "vLLM n=16"


def relative(result: Result, arm: str = "our search, quality vote") -> tuple[float, float, float]:
    """Seconds relative to plain vLLM's, and the 95 % interval."""
    row = next(row for row in result.rows if row["arm"] == arm)
    low, high = row["interval"]
    return row["relative"], low, high


def unpruned() -> str:
    """Seconds and CPU seconds of a block, by arm."""
    result = read_result("unpruned")
    settings = result.settings
    lines = [
        f"{settings['at_once']} questions of level {settings['level']} at once, N = {settings['samples']}, "
        f"{settings['blocks']} blocks, the arms in turn; CPU seconds of a block are those of the engine's "
        f"process and of all others. {result.ending()}",
        "",
        "| arm | seconds of plain vLLM | seconds a block | CPU, engine | CPU, the rest | tokens |",
        "|---|---|---|---|---|---|",
    ]
    for row in result.rows:
        ratio, low, high = relative(result, row["arm"])
        lines.append(
            f"| {row['arm']} | {ratio:.3f} ({low:.3f} to {high:.3f}) | {row['seconds']:.2f} "
            f"| {row['engine']:.2f} | {row['rest']:.2f} | {row['tokens']:,.0f} |"
        )
    return "\n".join(lines)
