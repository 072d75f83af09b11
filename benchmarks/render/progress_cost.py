"""What it costs to watch a search."""

from __future__ import annotations

from benchmarks.record import read_result


def progress_cost() -> str:
    """What it costs to watch a search."""
    result = read_result("progress_cost")
    rows = {row["arm"]: row for row in result.rows}
    watched, plain = rows["progress"], rows["buffered"]
    low, high = watched["interval"]
    return (
        f"A search of {result.settings['samples']} candidates that is watched has "
        f"{watched['ratio_to_buffered']:.3f} of the tokens/s of the same one that is not, at the median of "
        f"{result.settings['rounds']} pairs (95 % interval {low:.3f} to {high:.3f}), and takes "
        f"{watched['cpu_s'] * 1000:.0f} ms of CPU outside the engine instead of {plain['cpu_s'] * 1000:.0f}. "
        f"{watched['events']:.0f} events told it, {watched['bytes'] / 1024:.0f} KiB. {result.note} "
        f"{result.where()}."
    )
