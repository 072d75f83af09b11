"""Batches that were sampled for later steps: cut, kept in a checkpoint, and had back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from arrol_serve.engine.plugin.recording import FeatureRecord
from tests.trainer.made_up import group, rollout
from trainer.groups.judged import Experience, JudgedGroup
from trainer.prompts.prompt import Prompt
from trainer.run.pending import batches_of, packed, unpacked


class Named:
    """Prompts as ``made_up.group`` has them."""

    def prompt(self, number: int) -> Prompt:
        return group([], number).prompt


def sampled(mixed: list[bool]) -> Experience:
    groups: list[JudgedGroup] = []
    record = FeatureRecord()
    for number, both in enumerate(mixed):
        groups.append(
            group([rollout(True, 0.5), rollout(not both), rollout(None, pruned=True)], number)
        )
        record.add(str(number), 0, 2, torch.full((3,), float(number)))
    return Experience(groups, record, 40)


def numbers(batches: list[Experience]) -> list[list[int]]:
    return [[g.number for g in batch.groups] for batch in batches]


def test_each_step_has_its_prompts_and_their_features() -> None:
    batches = batches_of(sampled([True] * 6), 3, 2, dynamic=False)
    assert numbers(batches) == [[0, 1], [2, 3], [4, 5]]
    assert [batch.features.groups for batch in batches] == [["0", "1"], ["2", "3"], ["4", "5"]]
    assert {batch.cursor for batch in batches} == {40}


def test_with_dynamic_sampling_each_step_has_its_mixed_ones() -> None:
    found = sampled([True, False, False, True, False, True, True, False])
    assert numbers(batches_of(found, 2, 2, dynamic=True)) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_checkpoint_gives_them_back(tmp_path: Path) -> None:
    found = sampled([True, False, True])
    found.groups[0] = replace(found.groups[0], chance=0.25)
    found.groups[1] = replace(found.groups[1], whole=False)
    batches = batches_of(found, 2, 2, dynamic=False)
    torch.save(packed(batches), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    back = unpacked(state, Named())
    assert [batch.groups for batch in back] == [batch.groups for batch in batches]
    for one, other in zip(back, batches, strict=True):
        assert one.features.tokens == other.features.tokens
        assert all(map(torch.equal, one.features.features, other.features.features))
    assert unpacked(packed([Experience([], FeatureRecord(), 3)]), Named())[0].cursor == 3
