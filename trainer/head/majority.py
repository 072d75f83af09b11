"""Labels without golds: right is what the confident majority of a question's rollouts says. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from arrol_serve.voting import beta_majority
from trainer.head.answers import Answers
from trainer.head.data import HeadData

CONFIDENT = 0.9
"""Probability, from a Beta(1, 1) prior, that the leading answer is more frequent than the next one."""


def majorities(answers: Answers) -> dict[int, str]:
    """Question -> the answer of its confident majority; questions without one are left out."""
    found = {}
    for question, given in answers.items():
        ranked = Counter(answer for answer in given.values() if answer is not None).most_common(2)
        counts = [count for _, count in ranked] + [0, 0]
        if ranked and beta_majority(counts[0] + 1, counts[1] + 1) >= CONFIDENT:
            found[question] = ranked[0][0]
    return found


def relabelled(data: HeadData, labels: Mapping[int, str], answers: Answers) -> HeadData:
    """The rows of questions that have a label, right where the rollout says the same."""
    kept = data.where(np.isin(data.group, list(labels)))
    pairs = zip(kept.group.tolist(), kept.rollout.tolist(), strict=True)
    right = [answers[group].get(rollout) == labels[group] for group, rollout in pairs]
    return replace(kept, correct=np.array(right, dtype=np.bool_))


def against_golds(
    data: HeadData, labels: Mapping[int, str], answers: Answers, golds: set[int]
) -> dict[str, Any]:
    """How many questions have a label, and how often it is right where a gold says so.

    A label is right if most of the rollouts that say it are.
    """
    final = data.where(data.final)
    verdicts: dict[int, list[bool]] = {}
    for group, rollout, ok in zip(
        final.group.tolist(), final.rollout.tolist(), final.correct.tolist(), strict=True
    ):
        if group in golds and group in labels and answers[group].get(rollout) == labels[group]:
            verdicts.setdefault(group, []).append(ok)
    right = [2 * sum(oks) > len(oks) for oks in verdicts.values()]
    return {
        "questions": len(answers),
        "labelled": len(labels),
        "golds": len(golds),
        "labels_right": sum(right) / len(right) if right else None,
    }
