"""Latency and memory under load, beside vLLM's own server."""

from __future__ import annotations

from benchmarks.record import read_result


def load() -> str:
    """Percentiles by figure and server; memory of waiting requests."""
    result = read_result("load")
    settings, made = result.settings, result.provenance
    lines = ["| figure | server | p50, ms | p99, ms | requests |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['figure']} | {row['arm']} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} "
        f"| {row['requests']} |"
        for row in result.rows
    ]
    memory = ", ".join(
        f"{name} {size / 1024:.0f} KiB"
        for name, size in settings["bytes_per_waiting_request"].items()
    )
    text = (
        f"`plain`: {settings['concurrent']} at once; beside {settings['searches']} searches of "
        f"{settings['samples']} candidates, which are `n={settings['samples']}` on vLLM. "
        f"{made.machine}, {made.date}, `{made.command}`."
    )
    waiting = f"Memory of a request that waits, among {settings['waiting']}: {memory}."
    return "\n\n".join([text, "\n".join(lines), waiting])
