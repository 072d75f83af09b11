"""The report as Markdown, from its JSON alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.evaluation.reporting.by_k import table
from trainer.evaluation.sampling import UNPRUNED

SHOWN = ("temperature", "top_p", "top_k", "max_tokens", "seed")
FEW = 0.01
"""Share of cut-off replies up to which nobody is warned."""


def markdown(report: Mapping[str, Any]) -> str:
    """The table for people."""
    lines = [
        "# Evaluation",
        "",
        *_what(report),
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


def _what(report: Mapping[str, Any]) -> list[str]:
    """The model, the questions and how they were sampled."""
    s = report["settings"]
    head = "" if s.get("head") is None else f", head {s['head']}"
    sets = ", ".join(f"{name} ({body['questions']})" for name, body in report["sets"].items())
    samples = f"{s['samples']} samples each"
    how = [f"{_words(key)} {s[key]:g}" for key in SHOWN if s.get(key) is not None]
    return [
        f"Model {s.get('model')}{head}; questions: {sets}; {', '.join([samples, *how])}. "
        "95 % bootstrap intervals over questions; votes that are tied count as the chance that a lot "
        "falls on the right answer.",
    ]


def _words(key: str) -> str:
    return key.replace("_", " ")


def cut_off(report: Mapping[str, Any]) -> str | None:
    """A warning where replies ran out of tokens; None: hardly any did."""
    share = report["truncated"][UNPRUNED]
    if share <= FEW:
        return None
    return (
        f"{share:.1%} of the unpruned replies were cut off after {report['settings']['max_tokens']} "
        "tokens and count as wrong: raise --max-tokens"
    )


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
    cut = ", ".join(f"{arm} {share:.1%}" for arm, share in report["truncated"].items())
    notes = [
        f"Time-outs (counted as wrong): {sum(report['timeouts'].values())}.",
        "",
        f"Replies cut off at the token limit (counted as wrong): {cut}.",
        "",
    ]
    warning = cut_off(report)
    notes += [f"**{warning[0].upper()}{warning[1:]}.**", ""] if warning else []
    notes += [line for note in report["notes"] for line in (note, "")]
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
