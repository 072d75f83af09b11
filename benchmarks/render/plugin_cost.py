"""What the plugin costs."""

from __future__ import annotations

from typing import Any

from benchmarks.record import read_result


def plugin_cost() -> str:
    """What the plugin costs."""
    result = read_result("plugin_cost")
    lines = [
        f"{result.settings['sequences']} sequences at once, a probe at "
        f"{result.settings['probe']} of {result.settings['tokens']} tokens, {result.settings['lives']} "
        f"pairs of processes. {result.ending()} On an 8B model the head is "
        f"{result.settings['head_flops_share_of_an_8B_model']:.4%} of the FLOPs per token "
        "(counted, not measured).",
        "",
        "| engine | tokens a CPU second | of plain vLLM | of the idle plugin |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row['arm']} | {row['tokens_per_second']:.0f} | {_ratio(row['to_plain'])} "
        f"| {_ratio(row['to_idle'])} |"
        for row in result.rows
    ]
    return "\n".join(lines)


def _ratio(of: dict[str, Any]) -> str:
    """With its 95 % interval."""
    low, high = of["interval"]
    return f"{of['median']:.3f} ({low:.3f} to {high:.3f})"
