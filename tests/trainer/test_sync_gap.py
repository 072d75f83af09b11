"""How far trainer and engine may lie apart after a sync: by worked numbers."""

from __future__ import annotations

import pytest
import torch

from trainer.policy.batch import TrainRow
from trainer.precision import GAPS
from trainer.weight_sync import Gap, enough

ALLOWED = GAPS[torch.bfloat16]


def test_the_mean_is_judged_and_the_widest_token_told() -> None:
    gap = Gap.between(torch.tensor([-1.0, -2.0, -3.0]), torch.tensor([-1.25, -2.0, -2.5]))
    assert gap == Gap(mean=0.25, widest=0.5)
    assert gap.within(0.25)
    assert not gap.within(0.24)


def test_one_token_far_out_is_rounding_and_all_a_little_is_not() -> None:
    theirs = torch.linspace(-6, -1, 16)
    rounded = theirs + 0.02
    rounded[7] += 0.6
    assert Gap.between(rounded, theirs).within(ALLOWED)
    assert not Gap.between(theirs + 1.5 * ALLOWED, theirs).within(ALLOWED)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_never_within(odd: float) -> None:
    ours = torch.zeros(1000)
    ours[3] = odd
    assert not Gap.between(ours, torch.zeros(1000)).within(1e9)


def test_replies_that_end_early_are_made_up_for_by_the_next() -> None:
    rows = [TrainRow((1,), (2,) * length, (0.0,) * length, 0.0, 1.0) for length in (3, 12, 9, 16)]
    assert [len(row.token_ids) for row in enough(rows, 16)] == [3, 12, 9]
    assert [len(row.token_ids) for row in enough(rows, 3)] == [3]
    assert enough(rows, 1000) == rows
