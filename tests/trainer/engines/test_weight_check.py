"""What an engine must hold after a sync, by the kinds of engines there are."""

from __future__ import annotations

import pytest
import torch

from arrol_serve.engine.plugin.weights import bits_sum
from trainer.engines.weight_check import Held, WeightCheck
from trainer.errors import SyncFailed


def test_the_sum_does_not_depend_on_how_tensors_are_cut_and_sees_one_bit() -> None:
    weight = torch.randn(64, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert bits_sum([weight]) == bits_sum([weight[:10], weight[10:].T])
    moved = weight.clone()
    moved[3, 3] = torch.nextafter(moved[3, 3], torch.tensor(9.0).bfloat16())
    assert bits_sum([moved]) != bits_sum([weight])


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (Held([5], [None]), Held([6], [None]), ""),
        (Held([5], [None]), Held([5], [None]), "bit by bit"),
        (Held([5, 5], [3, 4]), Held([6, 5], [4, 4]), "bit by bit"),
        (Held([None], [5]), Held([None], [6]), ""),
        (Held([None], [5]), Held([None], [5]), "bit by bit"),
        (Held([None], [8]), Held([None], [9]), ""),
        (Held([None], [8]), Held([None], [8]), "changed nothing"),
    ],
    ids=["file", "old file", "old file of one worker", "gpu", "stale gpu", "other type", "stale"],
)
def test_after_weights_5_come_weights_6(first: Held, second: Held, says: str) -> None:
    check = WeightCheck()
    check.compare("it", 5, first, "1")
    if not says:
        check.compare("it", 6, second, "2")
        assert check.exact == (second.held != [9])
        return
    with pytest.raises(SyncFailed, match=says):
        check.compare("it", 6, second, "2")
