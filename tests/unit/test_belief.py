"""From scores of supporters to the probability of an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arrol_serve.belief import Belief, posterior

PLAIN = Belief(rivals=3, temperature=1)


def test_worked_numbers() -> None:
    chances = PLAIN.chances({"a": [0.9, 0.5], "b": [0.5]})
    assert chances == pytest.approx({"a": 81 / 87, "b": 3 / 87})  # 27 x 3, 3 and none of these: 3


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.725, 0.97])
@pytest.mark.parametrize("rivals", [1.0, 3.0, 10.0])
def test_a_lone_answer_is_as_probable_as_its_supporter(probability: float, rivals: float) -> None:
    lone = Belief(rivals=rivals, temperature=1).chances({"a": [probability]})
    assert lone["a"] == pytest.approx(probability)


def test_a_supporter_below_one_of_rivals_plus_one_speaks_against_its_answer() -> None:
    assert PLAIN.evidence(0.25) == pytest.approx(0)
    assert PLAIN.evidence(0.2) < 0 < PLAIN.evidence(0.3)


def test_temperature_draws_towards_even() -> None:
    warm = Belief(rivals=3, temperature=2)
    assert warm.evidence(0.9) == pytest.approx(PLAIN.evidence(0.9) / 2)


def test_no_answers_no_chances() -> None:
    assert PLAIN.chances({}) == {}


@given(st.dictionaries(st.text(max_size=3), st.floats(-1e4, 1e4), max_size=6))
def test_a_posterior_is_one(evidence: dict[str, float]) -> None:
    chances = posterior(evidence, 1.0)
    assert all(0 <= p <= 1 for p in chances.values())
    assert sum(chances.values()) <= 1 + 1e-9


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300))
def test_any_scores_give_a_probability(scores: list[float]) -> None:
    assert 0 <= Belief().chances({"a": scores})["a"] <= 1
