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


def test_what_teaches_nothing_is_asked_less_often_and_never_not_at_all() -> None:
    history = SuccessHistory()
    assert history.chance("a", 0.5, 0.2) == 1
    for expected in (0.5, 0.25, 0.2):
        history.saw("a", mixed=False)
        assert history.chance("a", 0.5, 0.2) == expected
    assert history.chance("b", 0.5, 0.2) == 1
    history.saw("a", mixed=True)
    assert history.chance("a", 0.5, 0.2) == 1
    history.saw("a", mixed=False)
    assert history.chance("a", 1.0, 0.2) == 1  # the default
