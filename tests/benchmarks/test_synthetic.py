"""The simulator's populations are what they say, and its decisions are the server's."""

import numpy as np
import pytest

from arrol_serve.quality.calibration import within_group_auc
from benchmarks.simulate.synthetic import (
    RIGHT,
    Population,
    area,
    draw,
    separation,
    solved,
    survivors,
)

MIXED = Population(base=0.3, concentration=2.0, collision=0.4, silent=0.2)


def test_area_undoes_separation() -> None:
    assert area(separation(0.8)) == pytest.approx(0.8)


@pytest.mark.parametrize("auc", [0.5, 1.0, 1.2])
def test_an_impossible_auc_is_refused(auc: float) -> None:
    with pytest.raises(ValueError, match="AUC must lie"):
        separation(auc)


def test_populations_have_the_rates_asked_for() -> None:
    groups = draw(1, 4000, 16, MIXED)
    wrong = ~groups.right
    silent = np.array([[a is None for a in row] for row in groups.answers])
    assert groups.right.mean() == pytest.approx(0.3, abs=0.02)
    assert silent[wrong].mean() == pytest.approx(0.2, abs=0.02)
    first, second = zip(*[row[:2] for row in groups.answers], strict=True)
    both = [(a, b) for a, b in zip(first, second, strict=True) if None not in (a, b)]
    wrongs = [(a, b) for a, b in both if RIGHT not in (a, b)]
    assert np.mean([a == b for a, b in wrongs]) == pytest.approx(0.4, abs=0.04)


def test_scores_have_the_auc_within_groups_and_are_calibrated() -> None:
    groups = draw(2, 2000, 16, MIXED)
    places = np.repeat(np.arange(2000), 16)
    for scores, wanted in zip(groups.logits(0.75, 0.9), (0.75, 0.9), strict=True):
        flat = np.array(scores).ravel()
        found = within_group_auc(flat, groups.right.ravel(), places, draws=1)
        assert found.value == pytest.approx(wanted, abs=0.015)
        said = 1 / (1 + np.exp(-flat))
        sure = said > 0.6
        assert groups.right.ravel()[sure].mean() == pytest.approx(said[sure].mean(), abs=0.03)


def test_the_end_cannot_know_less_than_the_probe() -> None:
    with pytest.raises(ValueError, match="below that at the probe"):
        draw(0, 2, 2, MIXED).logits(0.9, 0.8)


def test_more_rollouts_leave_the_first_ones_as_they_were() -> None:
    few, many = draw(3, 50, 4, MIXED), draw(3, 50, 9, MIXED)
    assert (many.right[:, :4] == few.right).all()


def test_the_best_half_survives_and_a_blind_vote_ignores_scores() -> None:
    assert survivors([0.1, 3.0, -2.0, 1.0], {"name": "top_fraction", "keep": 0.5}, 0) == [1, 3]
    assert survivors([0.1, 3.0], None, 0) == [0, 1]
    answers = ["wrong 1", RIGHT]
    assert solved(answers, [-1.0, 2.0], [0, 1], "quality") == 1
    assert solved(answers, [-1.0, 2.0], [0, 1], "uniform") == 0.5
