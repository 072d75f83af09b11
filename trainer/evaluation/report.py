"""Records to ``report.json`` and ``report.md``. The same records give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arrol_serve.quality.calibration import within_group_auc
from trainer.evaluation.by_k import by_k, table
from trainer.evaluation.datasets import Item
from trainer.evaluation.methods import METHODS, uniform_curve
from trainer.evaluation.records import Record
from trainer.evaluation.sampling import UNPRUNED
from trainer.evaluation.statistics import bootstrap, calibration, paired, tokens_at

BASELINE = "uniform"


def summarise(
    settings: Mapping[str, Any],
    items: Sequence[Item],
    arms: Mapping[str, Sequence[Record]],
    methods: Sequence[str],
    unusable: Mapping[str, str],
    ks: Sequence[int],
) -> dict[str, Any]:
    """The report. ``arms`` holds the records of each arm, in the order of ``items``."""
    curve = uniform_curve(arms[UNPRUNED])
    base = [METHODS[BASELINE].apply(r) for r in arms[UNPRUNED]]
    full = sum(o.tokens for o in base)
    rows = []
    for name in methods:
        outcomes = [METHODS[name].apply(r) for r in arms[METHODS[name].arm]]
        right = [o.right for o in outcomes]
        tokens = sum(o.tokens for o in outcomes)
        accuracy = sum(right) / len(right)
        difference, interval = paired(right, [o.right for o in base])
        rows.append(
            {
                "method": name,
                "accuracy": accuracy,
                "interval": bootstrap(right),
                "difference_to_uniform": difference,
                "difference_interval": interval,
                "tokens_per_question": tokens / len(right),
                "tokens_relative": tokens / full if full else None,
                "uniform_tokens_at_equal_accuracy": tokens_at(accuracy, *curve),
                "right": right,
                "tokens": [o.tokens for o in outcomes],
            }
        )
    return {
        "settings": dict(settings),
        "questions": [{"id": item.id, "sha256": item.sha256} for item in items],
        "unusable_golds": dict(unusable),
        "timeouts": {arm: sum(r.timeouts for r in records) for arm, records in arms.items()},
        "methods": rows,
        "by_k": by_k(arms[UNPRUNED], ks),
        "uniform_curve": {"tokens": curve[0], "accuracy": curve[1]},
        "quality": _quality(arms[UNPRUNED]),
    }


def _quality(records: Sequence[Record]) -> dict[str, Any] | None:
    """How well the head tells right from wrong; None where there is no head."""
    scored = [
        (sample.quality, sample.right, place)
        for place, record in enumerate(records)
        for sample in record.samples
        if sample.quality is not None and sample.right is not None
    ]
    if not scored:
        return None
    quality, right, group = zip(*scored, strict=True)
    bins, error = calibration(quality, right)
    within = within_group_auc(quality, right, np.array(group))
    body: dict[str, Any] = {"ece": error, "bins": bins, "auc_within_group": None}
    if within.mixed_groups:
        body["auc_within_group"] = {
            "value": within.value,
            "interval": [within.low, within.high],
            "groups": within.mixed_groups,
        }
    return body


def markdown(report: Mapping[str, Any]) -> str:
    """The table for people."""
    lines = [
        "# Evaluation",
        "",
        f"{len(report['questions'])} questions, {report['settings']['samples']} samples each; "
        "95 % bootstrap intervals over questions.",
        "",
        "| method | accuracy | difference to uniform vote | tokens per question | relative | "
        "uniform vote's tokens for that accuracy |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["methods"]:
        low, high = row["interval"]
        dlow, dhigh = row["difference_interval"]
        equal = row["uniform_tokens_at_equal_accuracy"]
        relative = row["tokens_relative"]
        lines.append(
            f"| {row['method']} | {row['accuracy']:.3f} [{low:.3f}, {high:.3f}] "
            f"| {row['difference_to_uniform']:+.3f} [{dlow:+.3f}, {dhigh:+.3f}] "
            f"| {row['tokens_per_question']:.1f} "
            f"| {'-' if relative is None else format(relative, '.2f')} "
            f"| {'not reached' if equal is None else format(equal, '.1f')} |"
        )
    return "\n".join([*lines, "", *table(report["by_k"]), "", *_notes(report)]) + "\n"


def _notes(report: Mapping[str, Any]) -> list[str]:
    notes = [f"Time-outs (counted as wrong): {sum(report['timeouts'].values())}.", ""]
    if any(row["method"] == "adaptive" for row in report["methods"]):
        notes += [
            "`adaptive` is a replay of kept rollouts in order: it did not stop an engine.",
            "",
        ]
    quality = report["quality"]
    if quality and quality["auc_within_group"]:
        within = quality["auc_within_group"]
        low, high = within["interval"]
        notes += [
            f"Quality head: AUC within group {within['value']:.3f} [{low:.3f}, {high:.3f}] over "
            f"{within['groups']} mixed groups; ECE {quality['ece']:.3f}.",
            "",
        ]
    if report["unusable_golds"]:
        notes += ["Left out, since their gold answer cannot be used:", ""]
        notes += [f"- {i}: {why}" for i, why in report["unusable_golds"].items()]
    return notes


def write(report: Mapping[str, Any], folder: Path) -> None:
    """``report.json`` and ``report.md`` in ``folder``."""
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "report.md").write_text(markdown(report))
