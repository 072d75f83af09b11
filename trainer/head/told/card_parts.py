"""Parts of the card: what the labels are, and whether P(the answer is right) can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arrol_serve.quality.artifact import HeadManifest

GOLD = "gold"
"""Labels that are what the data says."""
FEW = 100
"""Test questions."""
SHOWN = ("1", "2", "4", "8", "16", "32", "64")
"""Rollouts, of the table of answers."""


def licence(name: str) -> str:
    """Whose head it is says under which licence."""
    return (
        f"Licence: {name}."
        if name
        else 'Its licence is yours to choose: `"license"` in `head.json`.'
    )


def warnings(
    probe: int,
    ablation: Mapping[str, Mapping[str, Mapping[str, float]]],
    alone: Mapping[str, Mapping[str, float]],
    questions: int,
) -> list[str]:
    """What a reader must not overlook: few test questions, and inputs that do better by themselves."""
    lines = []
    if questions < FEW:
        lines += [
            f"**Only {questions} test questions**: the figures below may be luck. Some hundred show more "
            "(`--questions`).",
            "",
        ]
    served, *others = ablation
    for place, when in ((str(probe), f"at {probe} tokens"), ("final", "at the last token")):
        if place not in ablation[served]:
            continue
        reached = ablation[served][place]["auc_within_group"]
        rivals = {n: ablation[n][place]["auc_within_group"] for n in others if n.endswith(" only")}
        # A statistic of which right replies have less ranks as well as one of which they have more.
        rivals |= {f"`{n}` as it is": max(row[place], 1 - row[place]) for n, row in alone.items()}
        best = max(rivals, key=lambda name: rivals[name])
        if rivals[best] > reached:
            lines += [
                f"**{best[0].upper()}{best[1:]} does better** {when}: AUC within group "
                f"{rivals[best]:.3f}, this head {reached:.3f}. What the other inputs add does not show here.",
                "",
            ]
    return lines


def quality_table(table: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What ``fit.report`` found, a line for each position."""
    lines = [
        "| generated tokens | rollouts | right | AUC | AUC within group | ECE |",
        "|---|---|---|---|---|---|",
    ]
    for position, row in table.items():
        lines.append(
            f"| {position} | {row['rollouts']:.0f} | {row['base_rate']:.2f} | {row['auc']:.3f} "
            f"| {row['auc_within_group']:.3f} ({row['auc_within_group_low']:.3f} to "
            f"{row['auc_within_group_high']:.3f}) | {row['ece']:.3f} |"
        )
    return lines


def labels_section(labels: Any) -> list[str]:
    """Nothing for golds; else what the majority's labels are worth."""
    if labels == GOLD:
        return []
    lines = [
        "**Fitted without golds**: right is what the confident majority of a question's rollouts says. "
        f"{labels['labelled']} of {labels['questions']} questions have one; the others are left out of fit "
        "and figures, so that figures are of the easier questions and against these labels.",
        "",
    ]
    if labels["labels_right"] is not None:
        lines += [
            f"Where a gold is known ({labels['golds']} questions), the majority is right "
            f"{labels['labels_right']:.3f} of the time.",
            "",
        ]
    if labels.get("test_against_golds"):
        lines += [
            "Against these golds, on all test questions that have one, with or without a majority:",
            "",
            "| generated tokens | right | AUC | AUC within group | ECE |",
            "|---|---|---|---|---|",
        ]
        for position, row in labels["test_against_golds"].items():
            lines.append(
                f"| {position} | {row['base_rate']:.2f} | {row['auc']:.3f} "
                f"| {row['auc_within_group']:.3f} ({row['auc_within_group_low']:.3f} to "
                f"{row['auc_within_group_high']:.3f}) | {row['ece']:.3f} |"
            )
        lines.append("")
    return lines


def answers_section(manifest: HeadManifest, believed: Mapping[str, Any]) -> list[str]:
    """Constants of the belief, and its reliability by the size of the search."""
    belief = manifest.belief
    lines = [
        "Searches stop by P(the answer is right), made of the number of its supporters and the score of the "
        f"best with three constants, agreement {belief.agreement:g}, score {belief.score:g} and doubt "
        f"{belief.doubt:g}, fitted on the calibration questions. On random subsets of the test questions' "
        "rollouts:",
        "",
        "| rollouts | questions | P, mean | right | ECE |",
        "|---|---|---|---|---|",
    ]
    for size, row in believed["by_size"].items():
        if size in SHOWN:
            lines.append(
                f"| {size} | {row['questions']} | {row['said']:.3f} | {row['right']:.3f} "
                f"| {row['ece']:.3f} |"
            )
    return [*lines, "", "![Reliability of answers](answers.png)", ""]
