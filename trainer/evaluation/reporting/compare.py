"""Two finished runs, question by question."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.errors import DataError
from trainer.evaluation.reporting.statistics import bootstrap, paired

Report = Mapping[str, Any]


def read_report(folder: Path) -> dict[str, Any]:
    """A finished run's report. Raises ``DataError`` if there is none, or it is not one."""
    path = folder / "report.json"
    try:
        report: dict[str, Any] = json.loads(path.read_text())
        _rows(report), _digests(report), report["settings"].items()
    except OSError as error:
        raise DataError(f"{folder} is no finished run: {path} cannot be read") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is no report of this version; run the evaluation again") from error
    return report


def compare(first: Report, second: Report) -> dict[str, Any]:
    """Second minus first on the questions of both, for each method of both.

    Raises ``DataError`` where they have no question or no method in common, or where one id stands
    for two questions.
    """
    shared = _shared_questions(first, second)
    mine, others = _rows(first), _rows(second)
    methods = [name for name in mine if name in others]
    if not methods:
        raise DataError(f"the runs share no method: {', '.join(mine)} and {', '.join(others)}")
    before, after = first["settings"], second["settings"]
    names = [name for name in {**before, **after} if name != "data_sha256"]
    return {
        "questions": shared,
        "left_out": [len(run["questions"]) - len(shared) for run in (first, second)],
        "settings": {
            n: [before.get(n), after.get(n)] for n in names if before.get(n) != after.get(n)
        },
        "methods": [
            {"method": name, **_difference(first, mine[name], second, others[name], shared)}
            for name in methods
        ],
    }


def _difference(
    first: Report, mine: Mapping[str, Any], second: Report, other: Mapping[str, Any], ids: list[str]
) -> dict[str, Any]:
    a, b = _by_id(first, mine), _by_id(second, other)
    right_a, right_b = [a[i][0] for i in ids], [b[i][0] for i in ids]
    difference, interval = paired(right_b, right_a)
    return {
        "first": {"accuracy": sum(right_a) / len(ids), "interval": bootstrap(right_a)},
        "second": {"accuracy": sum(right_b) / len(ids), "interval": bootstrap(right_b)},
        "difference": difference,
        "interval": interval,
        "tokens": [sum(run[i][1] for i in ids) / len(ids) for run in (a, b)],
    }


def _by_id(report: Report, row: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    pairs = zip(row["right"], row["tokens"], strict=True)
    return dict(zip(_digests(report), pairs, strict=True))


def _shared_questions(first: Report, second: Report) -> list[str]:
    mine, others = _digests(first), _digests(second)
    shared = [i for i in mine if i in others]
    if not shared:
        raise DataError(
            f"the runs share no question: one has {next(iter(mine))} and so on, the other "
            f"{next(iter(others))}"
        )
    changed = [i for i in shared if mine[i] != others[i]]
    if changed:
        raise DataError(
            f"the runs differ in data: {len(changed)} of {len(shared)} shared ids stand for another "
            f"question or another gold answer, {changed[0]} first"
        )
    return shared


def _digests(report: Report) -> dict[str, str]:
    return {question["id"]: question["sha256"] for question in report["questions"]}


def _rows(report: Report) -> dict[str, Mapping[str, Any]]:
    return {row["method"]: row for row in report["methods"]}


def table(comparison: Mapping[str, Any], names: tuple[str, str]) -> str:
    """The Markdown for people. ``names``: what the two runs are called."""
    first, second = names
    lines = [
        "# Comparison",
        "",
        f"{second} against {first}: {len(comparison['questions'])} shared questions; the difference "
        "is paired by question, with its 95 % bootstrap interval.",
        "",
        f"| method | {first} | {second} | difference | tokens per question |",
        "|---|---|---|---|---|",
    ]
    for row in comparison["methods"]:
        low, high = row["interval"]
        before, after = row["tokens"]
        lines.append(
            f"| {row['method']} | {_accuracy(row['first'])} | {_accuracy(row['second'])} "
            f"| {row['difference']:+.3f} [{low:+.3f}, {high:+.3f}] | {before:.1f} to {after:.1f} |"
        )
    lines += ["", "Settings that differ:", ""]
    lines += [f"- {name}: {a} and {b}" for name, (a, b) in comparison["settings"].items()] or [
        "- none"
    ]
    if any(comparison["left_out"]):
        a, b = comparison["left_out"]
        lines += ["", f"Left out, since only one run has them: {a} of {first}, {b} of {second}."]
    return "\n".join(lines) + "\n"


def _accuracy(side: Mapping[str, Any]) -> str:
    low, high = side["interval"]
    return f"{side['accuracy']:.3f} [{low:.3f}, {high:.3f}]"
