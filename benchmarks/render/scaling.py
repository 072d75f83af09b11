"""Cost of a pruned search as it grows, and what a step pays for the scores."""

from __future__ import annotations

from typing import Any

from benchmarks.record import Result, read_result

VARIES = {
    "samples": "N",
    "groups": "groups at once",
    "level": "level",
    "probe": "probe at token",
    "keep": "share kept",
}


def scaling() -> str:
    """Measured and bound, a row a point."""
    result = read_result("scaling")
    lines = [
        "| varies | value | mean length | tokens, pruned / unpruned | bound | seconds, pruned / unpruned |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {VARIES[row['varies']]} | {row[row['varies']]:g} | {row['mean_length']:.0f} "
        f"| {row['tokens_relative']:.3f} | {row['bound']:.3f} | {row['seconds_relative']:.2f} |"
        for row in result.rows
    ]
    text = (
        f"At least {result.settings['rollouts']} rollouts a row and arm, temperature "
        f"{result.settings['temperature']:g}, {result.settings['sequences']} sequences at once; "
        f"unless it varies: N = 16, 16 groups, level 6, probe at 32 (16 where the level varies), keep "
        f"0.5. {result.ending()}"
    )
    return "\n\n".join(
        [text, "\n".join(lines), "![Cost of a pruned search](benchmarks/results/scaling.png)"]
    )


def step_time() -> str:
    """Time a step, and the projection."""
    result = read_result("step_time")
    shown = [row for row in result.rows if row["part"] != "scoring by hidden size"]
    parts = list(dict.fromkeys(row["part"] for row in shown))
    times = {(row["part"], row["rows"]): row["seconds_p50"] for row in shown}
    counts = list(dict.fromkeys(row["rows"] for row in shown))
    lines = [f"| rows in the step | {' | '.join(parts)} |", "|---|" + "---|" * len(parts)]
    for count in counts:
        cells = " | ".join(f"{times[part, count] * 1e6:,.0f}" for part in parts)
        lines.append(f"| {count} | {cells} |")
    text = (
        f"Microseconds a step, median of {result.settings['repeats']} calls (fewer for the largest), "
        f"{result.settings['threads']} CPU thread. Scoring reads the whole distribution of "
        f"every row in every step; at a probe the head runs besides, here for all rows. {result.ending()}"
    )
    picture = "![Time a step](benchmarks/results/step_time.png)"
    return "\n\n".join([text, "\n".join(lines), picture, _projection(result)])


def _projection(result: Result) -> str:
    points: list[dict[str, Any]] = result.settings["projection"]
    shares = ", ".join(f"{p['overhead']:.2%} at {p['rows']}" for p in points)
    return (
        "**Projection, not a measurement.** A decoding step of an 8B model on a GPU is bound by memory "
        "traffic. Counting the bytes of Qwen3-8B's weights and of "
        f"{points[0]['context']} tokens of KV cache a row against those of the head and of one "
        f"pass over the logits, scoring adds {shares} rows. Launch times of the small kernels are not in "
        "it; a head on the hidden state alone needs no logits and adds next to nothing."
    )
