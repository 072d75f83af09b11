"""Rows that live, and as many stubs as equal parts need."""

from __future__ import annotations

import pytest
import torch

from trainer.integrations.rows import survivors


@pytest.mark.parametrize(
    ("alive", "parts", "rows"),
    [
        ([1, 0, 1, 0], 1, [0, 2]),
        ([1, 0, 1, 1], 2, [0, 2, 3, 1]),
        ([1, 0, 0, 0], 2, [0, 1]),
        ([1, 1, 1, 1], 2, [0, 1, 2, 3]),
        ([0, 0, 1, 0, 0, 0], 3, [2, 0, 1]),
    ],
)
def test_rows_that_live_come_first(alive: list[int], parts: int, rows: list[int]) -> None:
    count = len(alive)
    output = {"ids": torch.arange(count * 2).view(count, 2), "total": torch.tensor(5.0)}
    found = survivors(output, [bool(a) for a in alive], parts)
    assert found["ids"][:, 0].tolist() == [2 * row for row in rows]
    assert found["total"] == 5
