"""The behaviour table: a row a check, a column a system, and what was seen where it is not a yes."""

from __future__ import annotations

from benchmarks.behaviour.finding import CHECKS
from benchmarks.record import read_result


def behaviour() -> str:
    """Verdicts first, then what was seen."""
    result = read_result("behaviour")
    cells = {(row["system"], row["check"]): row for row in result.rows}
    systems = list(dict.fromkeys(row["system"] for row in result.rows))
    lines = [f"| check | {' | '.join(systems)} |", "|---|" + "---|" * len(systems)]
    for check, text in CHECKS.items():
        verdicts = " | ".join(cells[system, check]["verdict"] for system in systems)
        lines.append(f"| {check}: {text} | {verdicts} |")
    seen = ["| system | check | verdict | seen |", "|---|---|---|---|"]
    seen += [
        f"| {row['system']} | {row['check']} | {row['verdict']} | {row['detail'].replace('|', '/')} |"
        for row in result.rows
    ]
    text = (
        f"{result.settings['samples']} samples a search; arrol-serve runs with "
        f"`{' '.join(result.settings['server'])}`. {result.where()}."
    )
    return "\n\n".join([text, "\n".join(lines), "What was seen:", "\n".join(seen)])
