"""The report as Markdown, from its JSON alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.evaluation.by_k import table


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
    parts = [lines, _set_table(report), table(report["by_k"]), _notes(report)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _set_table(report: Mapping[str, Any]) -> list[str]:
    """Methods by data sets, and all together; empty where there is one set."""
    sets, rows = report["sets"], report["methods"]
    if len(sets) < 2:
        return []
    titles = [f"{name} ({body['questions']})" for name, body in sets.items()]
    lines = [f"| method | {' | '.join(titles)} | all |", "|---" * (len(sets) + 2) + "|"]
    for row in rows:
        cells = [body["methods"][row["method"]] for body in sets.values()]
        words = [
            f"{c['accuracy']:.3f} [{c['interval'][0]:.3f}, {c['interval'][1]:.3f}]" for c in cells
        ]
        lines.append(f"| {row['method']} | {' | '.join(words)} | {row['accuracy']:.3f} |")
    return lines


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
