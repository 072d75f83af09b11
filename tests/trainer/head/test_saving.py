"""What pruning by a head would save, on worked numbers."""

from __future__ import annotations

import numpy as np
import pytest

from arrol_serve.quality.head import QualityHead
from trainer.head.data import HeadData
from trainer.head.saving import saving_table


def test_probes_that_nobody_lives_to_see_are_left_out() -> None:
    rows = saving_table(_reader(), _four_rollouts(), 1, (4, 10, 64))
    assert {row["probe"] for row in rows} == {4}
    (half,) = (row for row in rows if row["keep"] == 0.5)
    assert half["interval"] == [1.0, 1.0]  # one question, drawn again and again


def test_saving_on_worked_numbers() -> None:
    rows = {row["keep"]: row for row in saving_table(_reader(), _four_rollouts(), 1, (4,))}
    half = rows[0.5]
    assert half["tokens"] == pytest.approx((2 * 10 + 2 * 4) / 40)
    assert half["right"] == 1.0
    assert half["right_unpruned"] == 0.5
    assert half["solvable"] == 1.0
    assert rows[0.25]["tokens"] == pytest.approx((10 + 3 * 4) / 40)


def _four_rollouts() -> HeadData:
    """One question, four rollouts of 10 tokens, to be judged at 4 by a head that reads one column."""
    scores = np.array([3.0, 1.0, 2.0, 0.0])
    right = np.array([True, False, True, False])
    return HeadData(
        features=np.concatenate([_features(scores), _features(scores)]),
        correct=np.tile(right, 2),
        group=np.zeros(8, np.int32),
        rollout=np.tile(np.arange(4, dtype=np.int32), 2),
        tokens=np.array([4] * 4 + [10] * 4, dtype=np.int32),
        final=np.array([False] * 4 + [True] * 4),
    )


def _features(scores: np.ndarray) -> np.ndarray:
    statistics = np.zeros((len(scores), 9))
    return np.concatenate([scores[:, None], statistics], axis=1).astype(np.float32)


def _reader() -> QualityHead:
    head = QualityHead(1, inputs=("hidden",), width=1)
    for parameter in head.parameters():
        parameter.data.fill_(1.0)
    return head.eval()
