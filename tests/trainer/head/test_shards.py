"""Shards that are not whole are named, and never read in part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainer.errors import BrokenShard
from trainer.head.data import HeadData


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"no archive"])
def test_what_is_no_shard_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "000000.npz"
    path.write_bytes(content)
    with pytest.raises(BrokenShard, match=r"000000\.npz is not whole"):
        HeadData.load(path)


def test_a_shard_with_arrays_of_other_lengths_is_named(tmp_path: Path) -> None:
    data = HeadData(
        np.ones((3, 10), np.float32), *(np.zeros(2, dtype) for dtype in (bool, int, int, int, bool))
    )
    data.save(tmp_path / "000000.npz")
    with pytest.raises(BrokenShard, match="same length"):
        HeadData.load(tmp_path / "000000.npz")
