"""The paper's tables, redrawn for the bundled model beside the paper's own figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.record import read_result

PHASES = {"generate": (106.8, 73.0), "logprob": (18.4, 10.0), "update": (63.1, 30.3)}
"""The paper's seconds a step, unpruned and at keep 0.5 (its table 5)."""
QUARTER = 2.33
"""The paper's speed-up at keep 0.25."""
NAMES = {"generate": "generation", "logprob": "log-probabilities", "update": "update"}


def paper() -> str:
    """A row a claim. Accuracies are points of a hundred."""
    arms = {row["arm"]: row for row in read_result("training").rows}
    none, pruned = arms["none"], arms["arrol"]
    lines = [
        "| what | the paper, on other models | here |",
        "|---|---|---|",
        f"| accuracy, pruned GRPO against unpruned, equal steps | +2.30 to +2.99 | {_gain(pruned, none)} |",
        f"| the same, DAPO | within the same range | {_gain(arms['DAPO, arrol'], arms['DAPO, none'])} |",
        f"| accuracy, equal seconds | not given | {_range(pruned['gain_at_equal_seconds'])} |",
    ]
    ours = {name: (none[f"seconds_{name}"], pruned[f"seconds_{name}"]) for name in PHASES}
    lines += [
        f"| seconds a step, {NAMES[name]} | {_phase(PHASES[name])} | {_phase(ours[name])} |"
        for name in PHASES
    ]
    lines += [
        f"| speed-up of a step, keep 0.5 | {_total(PHASES):.2f}x of the phases, up to 1.7x "
        f"| {_total(ours):.2f}x of the phases, {pruned['speedup']:.2f}x in all |",
        *(
            f"| speed-up, keep {keep} | {theirs} | {row['speedup']:.2f}x at {_gain(row, none)} |"
            for keep, theirs, row in (
                (0.25, f"{QUARTER:.2f}x, at a loss", arms["arrol, keep 0.25"]),
                (0.75, "not known to us", arms["arrol, keep 0.75"]),
            )
        ),
        f"| accuracy of the vote weighted by the head against the majority | up to +8.33 | {_votes()} |",
    ]
    return "\n".join(lines)


def _gain(row: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    pairs = zip(row["seeds"], row["pass@1"], strict=True)
    other = dict(zip(base["seeds"], base["pass@1"], strict=True))
    return _range([value - other[seed] for seed, value in pairs])


def _range(values: list[float]) -> str:
    low, high = 100 * min(values), 100 * max(values)
    return f"{100 * float(np.mean(values)):+.1f} ({low:+.1f} to {high:+.1f}, {len(values)} seeds)"


def _phase(seconds: tuple[float, float]) -> str:
    before, after = seconds
    return f"{before:.1f} to {after:.1f}: {before / after:.2f}x"


def _total(phases: Mapping[str, tuple[float, float]]) -> float:
    before, after = (sum(pair[i] for pair in phases.values()) for i in (0, 1))
    return before / after


def _votes() -> str:
    found = []
    for name in ("accuracy", "accuracy_t1"):
        result = read_result(name)
        (row,) = (row for row in result.rows if row["method"] == "unpruned, quality vote")
        low, high = (100 * value for value in row["difference_interval"])
        found.append(
            f"{100 * row['difference_to_uniform']:+.1f} ({low:+.1f} to {high:+.1f}) "
            f"at temperature {result.settings['temperature']:g}"
        )
    return ", ".join(found)
