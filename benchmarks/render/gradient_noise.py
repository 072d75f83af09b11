"""How much of a step's gradient is signal."""

from __future__ import annotations

from benchmarks.record import read_result


def gradient_noise() -> str:
    """A row for each number of rollouts."""
    result = read_result("gradient_noise")
    settings = result.settings
    lines = [
        "| rollouts of a prompt | of a step | signal | as much signal as noise at |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row['samples']} | {row['rollouts']} | {row['signal']:.1%} +- {row['error']:.1%} "
        f"| {row['noise_scale']:,.0f} rollouts |"
        for row in result.rows
    ]
    text = (
        f"Gradients of {settings['steps']} unpruned steps of {settings['prompts']} prompts at one policy, "
        f"the bundled model, level {settings['level']}, temperature {settings['temperature']:g}. Signal: "
        "what two gradients have in common, as a share of the square of one, in the metric of AdamW, with "
        f"its standard error. {result.where()}."
    )
    return "\n\n".join([text, "\n".join(lines)])
