"""Latency and memory under load, beside vLLM's own server."""

from __future__ import annotations

from typing import Any

from benchmarks.record import read_result


def load() -> str:
    """Percentiles by figure and server; memory of waiting requests."""
    result = read_result("load")
    settings = result.settings
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
        f"{settings['samples']} candidates, which are `n={settings['samples']}` on vLLM. The HTTP side "
        "and the client have one core for themselves, where there are more. "
        f"{result.where()}."
    )
    waiting = f"Memory of a request that waits, among {settings['waiting']}: {memory}."
    return "\n\n".join([text, "\n".join(lines), _added(settings), waiting])


def _added(settings: dict[str, Any]) -> str:
    """What ours adds to the plain requests, with intervals, and what it costs outside the engine."""
    gaps = ", ".join(
        f"{gap:+.1f} ms at the {name.removeprefix('p')}th percentile ({low:+.1f} to {high:+.1f})"
        for name, (gap, low, high) in settings["added_ms"].items()
    )
    cpu = settings["cpu_ms_per_request"]
    return (
        f"Added to `plain`, the mean of the rounds' differences, with 95 % intervals: {gaps}. "
        f"CPU time a request outside the engine: {cpu['arrol-serve']:.2f} ms here, "
        f"{cpu['vLLM']:.2f} ms on vLLM's server."
    )
