"""What ``examples.smollm2.train`` has found, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ARMS = ("none", "arrol")
AGAINST = "arrol against none"
COLD = 5
"""Steps of the recipe without pruning."""
SPENT = ("tokens_generated", "tokens_trained", "kept", "seconds_cpu/total")
"""Figures of a step that are told."""
HEADING = "pass@1 | against before | tokens sampled | tokens trained | kept | processor seconds"


def told(found: Mapping[str, Any]) -> str:
    """``found``: see ``train.report``."""
    gains, made = found["gains"], found["made"]
    lines = [
        "# SmolLM2 trained on sums of three numbers",
        "",
        f"`{made['command']}`, {made['machine']}, {made['date']}; one seed. pass@1 at temperature 1 is on "
        "questions that nothing was trained on, with 95 % intervals over questions; differences are paired. "
        f"Tokens and seconds are those of a step, the mean after the first {COLD}, which prune nothing.",
        "",
        f"| | {HEADING} |",
        "|---" * 7 + "|",
        f"| before | {_with(gains[ARMS[0]]['first'], 'accuracy')} | | | | | |",
        *(_row(arm, gains[arm], found["runs"][arm]) for arm in ARMS),
        "",
        f"Pruned against unpruned: {_with(gains[AGAINST], 'difference', '+')}.",
        "",
        *(f"![{arm}]({arm}.png)\n" for arm in ARMS),
    ]
    return "\n".join(lines)


def _row(arm: str, gain: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    cells = [f"{run['means'][name]:.{2 if name == 'kept' else 0}f}" for name in SPENT]
    after, more = _with(gain["second"], "accuracy"), _with(gain, "difference", "+")
    return f"| {arm}, {run['steps']} steps | {after} | {more} | {' | '.join(cells)} |"


def _with(row: Mapping[str, Any], name: str, sign: str = "") -> str:
    low, high = row["interval"]
    return f"{row[name]:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"
