"""Batches that were sampled and wait to be trained on: cut, and as a checkpoint holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from arrol_serve.engine.plugin.recording import FeatureRecord
from trainer.engines.sampling import SampledRollout
from trainer.groups.judged import Experience, JudgedGroup, JudgedRollout
from trainer.prompts.prompt import PromptSource


def batches_of(found: Experience, batches: int, prompts: int, *, dynamic: bool) -> list[Experience]:
    """What was sampled at once, in steps of ``prompts`` groups each, or as many mixed ones if ``dynamic``.

    The last one has what is left.
    """
    parts: list[list[JudgedGroup]] = [[]]
    for group in found.groups:
        full = sum(one.mixed or not dynamic for one in parts[-1]) >= prompts
        if full and len(parts) < batches:
            parts.append([])
        parts[-1].append(group)
    made = [Experience(part, FeatureRecord(), found.cursor) for part in parts]
    place = {str(g.number): batch.features for batch in made for g in batch.groups}
    for row in found.features.rows():
        place[row[0]].add(*row)
    return made


def packed(batches: Sequence[Experience]) -> list[dict[str, Any]]:
    """Tensors and plain types; prompts by number, since the source gives them again."""
    return [
        {
            "cursor": batch.cursor,
            "groups": [
                {
                    "number": group.number,
                    "estimate": group.estimate,
                    "chance": group.chance,
                    "whole": group.whole,
                    "rollouts": [asdict(rollout) for rollout in group.rollouts],
                }
                for group in batch.groups
            ],
            "record": [[group, index, tokens] for group, index, tokens, _ in batch.features.rows()],
            "features": torch.stack(batch.features.features) if batch.features.features else None,
        }
        for batch in batches
    ]


def unpacked(state: Sequence[dict[str, Any]], source: PromptSource) -> list[Experience]:
    return [_batch(body, source) for body in state]


def _batch(body: dict[str, Any], source: PromptSource) -> Experience:
    groups = [
        JudgedGroup(
            group["number"],
            source.prompt(group["number"]),
            group["estimate"],
            tuple(
                JudgedRollout(**{**rollout, "sampled": SampledRollout(**rollout["sampled"])})
                for rollout in group["rollouts"]
            ),
            group["chance"],
            group["whole"],
        )
        for group in body["groups"]
    ]
    record = FeatureRecord()
    rows = [] if body["features"] is None else list(body["features"])
    for (name, index, tokens), row in zip(body["record"], rows, strict=True):
        record.add(name, index, tokens, row)
    return Experience(groups, record, body["cursor"])
