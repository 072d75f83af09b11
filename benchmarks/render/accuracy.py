"""Accuracy against tokens and time, and where none of it helps."""

from __future__ import annotations

from benchmarks.record import read_result
from benchmarks.render.words import levels


def accuracy() -> str:
    """Accuracy, cost and speed of every method."""
    result = read_result("accuracy")
    settings = result.settings
    lines = [
        f"{settings['questions']} held-out questions of {levels(settings['levels'])}, "
        f"N = {settings['samples']}, temperature {settings['temperature']:g}, "
        f"probe at {settings['probe']} tokens ({settings['probe_share_of_mean_length']:.0%} of the "
        f"mean length of {settings['mean_length']:.0f}). Tokens and speed are relative to "
        f"{settings['samples']} unpruned samples; differences are paired by question. {result.where()}.",
        "",
        "| method | accuracy | 95 % interval | against uniform vote | tokens | speed |",
        "|---|---|---|---|---|---|",
    ]
    for row in result.rows:
        low, high = row["interval"]
        gain, (worst, best) = row["difference_to_uniform"], row["difference_interval"]
        speed = f"{row['speedup']:.2f}x" if row["speedup"] else ""
        lines.append(
            f"| {row['method']} | {row['accuracy']:.3f} | {low:.3f} to {high:.3f} "
            f"| {gain:+.3f} ({worst:+.3f} to {best:+.3f}) "
            f"| {row['tokens_relative']:.2f} | {speed} |"
        )
    return "\n".join([*lines, "", "![Accuracy against tokens](benchmarks/results/accuracy.png)"])


def limits() -> str:
    """Where none of it helps."""
    result = read_result("accuracy_t1")
    settings, rows = result.settings, {row["method"]: row for row in result.rows}
    single, uniform = rows["one sample (pass@1)"], rows["unpruned, uniform vote"]
    quality, pruned = rows["unpruned, quality vote"], rows["keep 0.5, quality vote"]
    low, high = quality["difference_interval"]
    return (
        f"**Where it does not help.** At temperature {settings['temperature']:g} on levels "
        f"{' and '.join(map(str, settings['levels']))} this small model repeats its own mistakes: "
        f"pass@1 is {single['accuracy']:.3f}, the uniform vote {uniform['accuracy']:.3f}, the quality "
        f"vote {quality['accuracy']:.3f} (difference {low:+.3f} to {high:+.3f}). Pruning still saves: "
        f"keep 0.5 is right {pruned['accuracy']:.3f} of the time for {pruned['tokens_relative']:.0%} of "
        f"the tokens, {pruned['speedup']:.2f}x as fast. {result.where()}."
    )
