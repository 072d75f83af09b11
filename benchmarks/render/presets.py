"""Presets against the uniform vote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.record import read_result


def presets(name: str = "presets") -> str:
    """One setting."""
    result = read_result(name)
    most, setting = result.settings["samples"], result.settings["setting"]
    lines = [
        f"{setting[0].upper()}{setting[1:]}: {result.settings['questions']} questions that neither the head "
        "nor the tuner saw; presets really run, differences paired with the uniform vote (ties count as the "
        f"chance of a lot), 95 % intervals. {result.where()}.{result.note and ' ' + result.note}",
        "",
        f"| method | accuracy | against 16 | against {most} | tokens, of 16 | of {most} | ECE "
        "| right where it stopped |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_line(row, most) for row in result.rows)])


def _line(row: Mapping[str, Any], most: int) -> str:
    low, high = row["interval"]
    cells = [row["method"], f"{row['accuracy']:.3f} [{low:.3f}, {high:.3f}]"]
    if "ece" not in row:
        return (
            f"| {' | '.join([*cells, '', '', format(row['tokens_relative'], '.2f'), '', '', ''])} |"
        )
    stopped = row["right_where_stopped"]
    cells += [
        _difference(row["against_16"]),
        _difference(row[f"against_{most}"]),
        f"{row['tokens_relative']:.2f}",
        f"{row['tokens_relative_to_most']:.3f}",
        f"{row['ece']:.3f}",
        "" if stopped is None else f"{stopped:.3f} of {row['stopped']:.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def _difference(found: Mapping[str, Any]) -> str:
    low, high = found["interval"]
    return f"{found['difference']:+.3f} [{low:+.3f}, {high:+.3f}]"
