"""Estimates of success, bounded in memory."""

from __future__ import annotations

import pytest

from trainer.pruning import history
from trainer.pruning.history import SuccessHistory


def test_what_was_seen_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "REMEMBERED", 3)
    known = SuccessHistory()
    for key in ("a", "b", "c", "a", "d"):
        known.add(key, "kind", 1.0, 2.0)
    assert list(known.prompts) == ["c", "a", "d"]
    assert known.prompts["a"] == [2.0, 4.0]
    assert known.estimate("b", "kind") == known.estimate("never seen", "kind")
