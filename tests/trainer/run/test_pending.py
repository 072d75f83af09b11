"""Batches that were sampled for later steps: cut, kept in a checkpoint, and had back."""

from __future__ import annotations

from pathlib import Path

import torch

from arrol_serve.engine.plugin.recording import FeatureRecord
from tests.trainer.made_up import group, rollout
from trainer.experience import Experience, JudgedGroup, batches_of
from trainer.prompts.prompt import Prompt
from trainer.run.pending import packed, unpacked


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
    batches = batches_of(sampled([True, False, True]), 2, 2, dynamic=False)
    torch.save(packed(batches), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    found = unpacked(state, Named())
    assert [batch.groups for batch in found] == [batch.groups for batch in batches]
    for one, other in zip(found, batches, strict=True):
        assert one.features.tokens == other.features.tokens
        assert all(map(torch.equal, one.features.features, other.features.features))
    assert unpacked(packed([Experience([], FeatureRecord(), 3)]), Named())[0].cursor == 3
