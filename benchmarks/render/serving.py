"""The serving comparison: a table a prompt form and concurrency, and time to first byte."""

from __future__ import annotations

from typing import Any

from benchmarks.record import read_result


def serving(name: str = "serving") -> str:
    """Accuracy, tokens, seconds and goodput of every arm."""
    result = read_result(name)
    settings = result.settings
    parts = [
        f"N = {settings['samples']}, temperature {settings['temperature']:g}, at most "
        f"{settings['max_tokens']} tokens, questions of {settings['data']}; the ways take turns, block by "
        f"block{_blocks(settings)}. Tokens and "
        f"goodput (correct answers a second) are relative to {settings['baseline']}, with 95 % intervals "
        f"over blocks; accuracy is paired with our uniform vote. {result.ending()}"
    ]
    for prompt in settings["prompts"]:
        for concurrency in sorted({row["concurrency"] for row in result.rows}):
            rows = [
                row for row in result.rows
                if (row["prompt"], row["concurrency"]) == (prompt, concurrency)
            ]  # fmt: skip
            if rows:
                parts += [_heading(prompt, concurrency, rows), _table(rows)]
    parts += [f"![Serving](benchmarks/results/{name}.png)", _first_bytes(settings["first_byte_s"])]
    return "\n\n".join(parts)


def _blocks(settings: dict[str, Any]) -> str:
    """Early results have blocks of as many questions as are asked at once: the slowest one ends each."""
    refills = settings.get("refills", 1)
    return f" of {refills} times as many questions as are asked at once" if refills > 1 else ""


def _heading(prompt: str, concurrency: int, rows: list[dict[str, Any]]) -> str:
    return f"**`{prompt}`, {concurrency} at once, {rows[0]['questions']} questions**"


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| way | accuracy | against uniform vote | tokens | s a question, p50 (p95) | goodput |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = row["difference_interval"]
        worst, best = row["goodput_interval"]
        lines.append(
            f"| {row['arm']} | {row['accuracy']:.3f} | {row['difference_to_uniform']:+.3f} "
            f"({low:+.3f} to {high:+.3f}) | {row['tokens_relative']:.2f} "
            f"| {row['seconds_p50']:.2f} ({row['seconds_p95']:.2f}) "
            f"| {row['goodput_relative']:.2f} ({worst:.2f} to {best:.2f}) |"
        )
    return "\n".join(lines)


def _first_bytes(seconds: dict[str, float]) -> str:
    lines = ["| way | first byte of a stream, s |", "|---|---|"]
    lines += [f"| {arm} | {value:.3f} |" for arm, value in seconds.items()]
    return "\n".join(lines)
