"""What the simulator makes of outcomes, and how it is fitted."""

import pytest

from benchmarks.groups import beta_concentration, collision
from benchmarks.simulate.study import METHODS, break_even, curves, end_of
from benchmarks.simulate.synthetic import RIGHT, Population, draw


def test_break_even_is_interpolated_and_must_last() -> None:
    aucs = [0.6, 0.7, 0.8]
    assert break_even(aucs, [-0.1, 0.1, 0.2]) == pytest.approx(0.65)
    assert break_even(aucs, [0.1, -0.1, 0.1]) == pytest.approx(0.75)
    assert break_even(aucs, [0.0, 0.1, 0.2]) == 0.6
    assert break_even(aucs, [0.1, 0.1, -0.1]) is None


def test_cost_is_the_bound() -> None:
    half = METHODS["keep 0.5, quality vote"]
    assert half.cost(0.3) == pytest.approx(0.65)
    assert METHODS["unpruned, quality vote"].cost(0.3) == 1
    assert METHODS["keep 0.5 of more, quality vote"].started(16, 0.3) == 24


def test_the_end_knows_as_much_as_the_probe_or_more() -> None:
    assert end_of(0.8, 1.0) == pytest.approx(0.8)
    assert 0.8 < end_of(0.8, 1.5) < end_of(0.9, 1.5) <= 0.99


def test_a_sharper_head_gains_more_and_random_pruning_does_not_see_it() -> None:
    groups = draw(0, 300, 25, Population(0.25, 2.0, 0.3))
    rows = {row["method"]: row for row in curves(groups, 16, (0.6, 0.95), 1.2, 0.3)}
    pruned = rows["keep 0.5, quality vote"]
    assert pruned["gain"][1] > pruned["gain"][0] + 0.05
    blind = rows["random 0.5, uniform vote"]
    assert blind["gain"][0] == blind["gain"][1] < 0


def test_a_fit_finds_what_was_drawn() -> None:
    groups = draw(5, 3000, 16, Population(0.4, 3.0, 0.25))
    counts = groups.right.sum(axis=1).tolist()
    assert beta_concentration(counts, 16) == pytest.approx(3.0, rel=0.15)
    wrong = [[a for a in row if a not in (None, RIGHT)] for row in groups.answers]
    assert collision(wrong) == pytest.approx(0.25, abs=0.03)


def test_collisions_are_counted_over_pairs() -> None:
    assert collision([["a", "a", "b"], ["c"]]) == pytest.approx(1 / 3)
    assert collision([[], ["c"]]) == 0
