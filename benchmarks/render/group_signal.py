"""Groups without signal: how many there are, and how many are known at the probe."""

from __future__ import annotations

from typing import Any

from benchmarks.record import read_result

SHOWN = ("0.1", "0.3", "0.5")


def group_signal() -> str:
    """A row for each set of runs."""
    result = read_result("group_signal")
    heads = " | ".join(f"known at {t}" for t in SHOWN)
    lines = [
        f"| runs | groups | without signal | {heads} | tokens saved at best | seconds saved at best |",
        "|---|---|---|" + "---|" * len(SHOWN) + "---|---|",
    ]
    lines += [
        f"| {row['run']} | {row['groups']} | {row['without_signal']:.1%} "
        f"| {' | '.join(_known(row, t) for t in SHOWN)} "
        f"| {row['tokens_ceiling']:.1%} | {row['seconds_ceiling']:.1%} |"
        for row in result.rows
    ]
    text = (
        "Without signal: the survivors all right or all wrong. Known at t: the posterior gave a group less "
        "than t of being mixed at the probe; in brackets how many of these were mixed after all. At best: "
        "with perfect foresight, as a share of a pruned step. "
        f"{result.where()}."
    )
    return "\n\n".join([text, "\n".join(lines)])


def _known(row: dict[str, Any], threshold: str) -> str:
    wrong = row["mixed_of_dropped"][threshold]
    share = f"{row['dropped'][threshold]:.1%}"
    return share if wrong is None else f"{share} ({wrong:.0%})"
