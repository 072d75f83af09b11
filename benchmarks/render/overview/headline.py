"""The README's results: four rows, a picture, and where it does not help."""

from __future__ import annotations

from typing import Any

from benchmarks.record import read_result
from benchmarks.render.training import spread

BEST = "arrol-serve, fast"


def headline() -> str:
    """Everything between the README's marks."""
    lines = ["| what | beside | result |", "|---|---|---|"]
    rows = (_vote(), _preset("fast", 16), _preset("best", 64), _serving(), _training())
    lines += [f"| {' | '.join(row)} |" for row in rows]
    where = " ".join(
        f"{read_result(name).where()}."
        for name in ("presets", "accuracy", "serving_presets", "training_evidence")
    )
    picture = "![Accuracy against tokens](benchmarks/results/accuracy.png)"
    return "\n\n".join([_setting(), "\n".join(lines), picture, _limits(), where]) + "\n"


def _setting() -> str:
    settings = read_result("accuracy").settings
    return (
        f"Measured with the bundled model on CPUs, N = {settings['samples']}: "
        f"{settings['questions']} held-out questions of level {settings['levels'][0]}, temperature "
        f"{settings['temperature']:g}, probe at {settings['probe']} tokens of "
        f"{settings['mean_length']:.0f} on average. Intervals are 95 %."
    )


def _preset(name: str, samples: int) -> tuple[str, str, str]:
    result = read_result("presets")
    row = next(row for row in result.rows if row["method"] == name)
    vote = next(row for row in result.rows if row["method"] == f"{samples} samples, uniform vote")
    found = row[f"against_{samples}"]
    low, high = found["interval"]
    return (
        f"preset `{name}`, {result.settings['questions']:,} questions",
        f"{samples} plain samples, uniform vote",
        f"{row['tokens'] / vote['tokens']:.0%} of the tokens, accuracy {row['accuracy']:.3f} beside "
        f"{vote['accuracy']:.3f}: {found['difference']:+.3f} ({low:+.3f} to {high:+.3f})",
    )


def _vote() -> tuple[str, str, str]:
    result = read_result("accuracy")
    row = next(row for row in result.rows if row["method"] == "unpruned, quality vote")
    low, high = row["difference_interval"]
    return (
        f"quality vote of {result.settings['samples']} samples",
        "their uniform vote",
        f"{row['difference_to_uniform']:+.3f} ({low:+.3f} to {high:+.3f})",
    )


def _serving() -> tuple[str, str, str]:
    result = read_result("serving_presets")
    busiest = max(row["concurrency"] for row in result.rows)
    found = [r for r in result.rows if (r["arm"], r["concurrency"]) == (BEST, busiest)]
    low, high = (pick(row["goodput_relative"] for row in found) for pick in (min, max))
    return (
        f"correct answers a second, {busiest} questions at once, preset `fast`",
        "vLLM `n=16`, vote in the client",
        f"{low:.2f}x to {high:.2f}x, by prompt form",
    )


def _training() -> tuple[str, str, str]:
    result = read_result("training_evidence")
    arms = {row["arm"]: row for row in result.rows}
    row, fewer = arms["fast"], arms["none, 8 samples, tuned"]
    return (
        "a training step, half of its rollouts pruned",
        "unpruned, tuned",
        f"{row['speedup_cpu']:.2f}x; pass@1 after equal steps {spread(row['gain_over_base'])}, processor "
        f"seconds {spread(row['gain_at_equal_seconds_cpu'])} (half the samples: "
        f"{spread(fewer['gain_at_equal_seconds_cpu'])}); {len(row['seeds'])} seeds",
    )


def _limits() -> str:
    result = read_result("accuracy_t1")
    rows: dict[str, dict[str, Any]] = {row["method"]: row for row in result.rows}
    uniform, quality = rows["unpruned, uniform vote"], rows["unpruned, quality vote"]
    low, high = quality["difference_interval"]
    return (
        f"**Where it does not help.** At temperature {result.settings['temperature']:g} the model "
        f"repeats its own mistakes: the uniform vote is right {uniform['accuracy']:.3f} of the time and "
        f"the quality vote {quality['accuracy']:.3f} ({low:+.3f} to {high:+.3f}); only tokens are "
        f"saved, {_saved()}. One question at a time gains little on a CPU, and on so small a model the "
        f"scoring itself costs {_scoring():.1%} of the tokens a second."
    )


def _saved() -> str:
    """By the preset that was tuned at the same temperature; as right as the vote of 16."""
    rows = {row["method"]: row for row in read_result("presets_t1").rows}
    return f"{1 - rows['balanced']['tokens_relative']:.0%} of them by a preset"


def _scoring() -> float:
    row = next(row for row in read_result("plugin_cost").rows if row["arm"] == "scoring on")
    return float(1 - row["to_idle"]["median"])
