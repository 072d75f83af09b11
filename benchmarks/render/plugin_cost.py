"""What the plugin costs."""

from __future__ import annotations

from benchmarks.record import read_result


def plugin_cost() -> str:
    """What the plugin costs."""
    result = read_result("plugin_cost")
    lines = [
        f"{result.settings['sequences']} sequences at once, {result.where()}. On an 8B model the "
        f"head is {result.settings['head_flops_share_of_an_8B_model']:.4%} of the FLOPs per token "
        "(counted, not measured).",
        "",
        "| engine | tokens/s | of plain vLLM | 95 % interval |",
        "|---|---|---|---|",
    ]
    for row in result.rows:
        low, high = row["interval"]
        lines.append(
            f"| {row['arm']} | {row['tokens_per_second']:.0f} | {row['ratio_to_plain']:.3f} "
            f"| {low:.3f} to {high:.3f} |"
        )
    return "\n".join(lines)
