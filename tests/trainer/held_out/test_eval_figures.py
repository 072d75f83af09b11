"""Figures of evaluations in training, by worked numbers; when a run was at its best."""

from __future__ import annotations

import pytest

from trainer.evaluation.records import Record, Sample
from trainer.held_out.best import Best
from trainer.held_out.figures import Figures, figures_of, named
from trainer.sections import EvalSection

FOUR = ["pass@1", "pass@4", "maj@4", "weighted@4"]


def sample(index: int, answer: str | None, right: bool, quality: float | None) -> Sample:
    return Sample(index, 10 + index, "finished", answer, right, quality)


def record(*samples: Sample) -> Record:
    return Record("", "q", "7", samples)


LED_ASTRAY = record(  # two votes for 8, one for 7 of whose score the head is sure, one cut off
    sample(0, "8", False, 0.1),
    sample(1, "7", True, 0.9),
    sample(2, "8", False, 0.1),
    Sample(3, 64, "truncated", None, False),
)
SILENT = record(*(sample(i, None, False, 0.2) for i in range(4)))


def test_votes_pass_and_the_mean_of_all_replies() -> None:
    found = figures_of([LED_ASTRAY, SILENT], FOUR)
    assert found["pass@1"] == pytest.approx((1 / 4 + 0) / 2)
    assert found["pass@4"] == pytest.approx((1 + 0) / 2)
    assert found["maj@4"] == pytest.approx(0)
    assert found["weighted@4"] == pytest.approx(1 / 2)
    assert found["truncated"] == pytest.approx(1 / 8)
    assert found["length"] == pytest.approx((10 + 11 + 12 + 64 + 10 + 11 + 12 + 13) / 8)
    assert found["pass@1_error"] == pytest.approx(0.25 / 2)  # halves of 0 and 1/4: sd 0.177, of two


def test_a_vote_that_nobody_can_cast_is_not_called_wrong() -> None:
    found = figures_of([SILENT], FOUR)
    assert (found["pass@4"], found["maj@4"], found["weighted@4"]) == (0.0, None, None)
    unscored = record(*(sample(i, "7", True, None) for i in range(4)))
    found = figures_of([unscored], FOUR)
    assert (found["maj@4"], found["weighted@4"]) == (1.0, None)
    assert found["pass@1_error"] is None


def test_several_sets_are_named_and_count_alike() -> None:
    one: Figures = {"pass@1": 0.2, "pass@1_error": 0.03, "weighted@4": None}
    two: Figures = {"pass@1": 0.6, "pass@1_error": 0.04, "weighted@4": 0.5}
    assert named({"a": one}) == {f"eval/{key}": value for key, value in one.items()}
    found = named({"a": one, "b": two})
    assert found["eval/a/pass@1"] == 0.2
    assert found["eval/b/weighted@4"] == 0.5
    assert found["eval/pass@1"] == pytest.approx(0.4)
    assert found["eval/pass@1_error"] == pytest.approx(0.05 / 2)
    assert found["eval/weighted@4"] is None


def test_the_best_is_the_first_of_equals_and_patience_counts_in_a_row() -> None:
    best, options = Best(), EvalSection(every=1, patience=2)
    seen = []
    for step, value in enumerate([0.4, 0.5, 0.5, None, 0.6, 0.5, 0.6]):
        seen.append(best.saw(step, {"eval/pass@1": value}, "pass@1"))
        assert best.exhausted(options.patience) == (step == 6)
    assert seen == [True, True, False, False, True, False, False]
    assert (best.step, best.value) == (4, 0.6)
    assert not best.exhausted(0)
    assert "at step 6: eval/pass@1 was best at step 4 (0.6)" in best.ended(6, options)
