"""What a plain request pays."""

from __future__ import annotations

from benchmarks.record import read_result


def latency() -> str:
    """What a plain request pays."""
    result = read_result("latency")
    rows = {row["arm"]: row for row in result.rows}
    ours, plain = rows["arrol-serve"], rows["vLLM"]
    return (
        f"A plain request takes {ours['p50_ms']:.1f} ms at the median here and {plain['p50_ms']:.1f} ms "
        f"on vLLM's own server beside it; the median difference of the rounds is "
        f"{result.settings['added_p50_ms']:+.2f} ms. The server is ready {ours['ready_s']:.0f} s after "
        f"it starts, vLLM's after {plain['ready_s']:.0f} s. {result.where()}."
    )
