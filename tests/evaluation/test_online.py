"""The threshold of a warm-up set, and who votes."""

import pytest

from trainer.evaluation.online import looks, threshold
from trainer.evaluation.records import Record, Sample
from trainer.evaluation.reporting.methods import METHODS


def test_the_threshold_lets_a_share_through() -> None:
    assert threshold([1, 2, 3, 4, 5], 0.9) == pytest.approx(1.4)
    assert threshold([1, 2, 3, 4, 5], 0.1) == pytest.approx(4.6)
    assert threshold([3], 0.9) == 3


def test_looks_begin_with_the_first_full_window() -> None:
    assert list(looks(16, 20)) == [16, 17, 18, 19]
    assert list(looks(2048, 2400)) == [2048, 2176, 2304]
    assert list(looks(2048, 256)) == []


def test_filtered_rollouts_do_not_vote() -> None:
    samples = [
        Sample(0, 9, "finished", "5", False, confidence=9.0, votes=False),
        Sample(1, 9, "finished", "7", True, confidence=2.0),
        Sample(2, 4, "pruned", None, False, confidence=1.0, votes=False),
    ]
    record = Record("deepconf-online-10", "x/1", "7", tuple(samples))
    outcome = METHODS["deepconf-online-10"].apply(record)
    assert (outcome.right, outcome.tokens) == (1.0, 22)
