"""A head by compiled arithmetic against the same head by tensor operations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arrol_serve.engine.plugin.scoring.host_head import judge
from arrol_serve.quality.head import INPUTS, QualityHead
from arrol_serve.quality.statistics import STATISTICS


def made(inputs: tuple[str, ...], hidden: int = 24) -> QualityHead:
    torch.manual_seed(len(inputs))
    head = QualityHead(hidden, inputs=inputs, width=13).eval().requires_grad_(False)
    head.set_normalisation(torch.randn(50, hidden), torch.randn(50, len(STATISTICS)) * 3)
    head.set_calibration(1.5, -0.25, (0.5, 2.0))
    return head


@pytest.mark.parametrize("inputs", [INPUTS, INPUTS[:1], INPUTS[1:]])
def test_scores_are_those_of_tensor_operations(inputs: tuple[str, ...]) -> None:
    head = made(inputs)
    states, statistics = torch.randn(30, 24) * 8, torch.randn(9, len(STATISTICS)) * 20
    rows = np.arange(29, 2, -3)
    at_probe, at_end = head.calibrated(head.raw(states[rows.copy()], statistics))
    values = np.full((9, 3), np.nan, np.float32)
    mine = np.array([0, 3, 8])
    judge(head, mine, rows, states.numpy(), statistics.numpy(), values)
    torch.testing.assert_close(torch.from_numpy(values[mine, 0]), at_probe[mine])
    torch.testing.assert_close(torch.from_numpy(values[mine, 2]), at_end[mine])
    others = np.setdiff1d(np.arange(9), mine)
    assert np.isnan(values[others]).all()
    assert np.isnan(values[:, 1]).all()


def test_a_head_of_other_inputs_is_refused() -> None:
    states, statistics = np.zeros((1, 16), np.float32), np.zeros((1, len(STATISTICS)), np.float32)
    one, values = np.zeros(1, np.int64), np.empty((1, 3), np.float32)
    for inputs in (INPUTS, INPUTS[:1]):
        with pytest.raises(ValueError, match="inputs got"):
            judge(made(inputs), one, one, states, statistics, values)


def test_a_score_does_not_depend_on_the_others() -> None:
    head = made(INPUTS)
    states, statistics = torch.randn(9, 24).numpy(), torch.randn(9, len(STATISTICS)).numpy()
    together, alone = np.empty((9, 3), np.float32), np.empty((1, 3), np.float32)
    judge(head, np.arange(9), np.arange(9), states, statistics, together)
    for i in range(9):
        judge(head, np.arange(1), np.array([i]), states, statistics[i : i + 1], alone)
        assert alone[0, [0, 2]].tolist() == together[i, [0, 2]].tolist()
