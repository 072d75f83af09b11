"""From scores of supporters to the probability of an answer."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arrol_serve.belief import Belief, posterior

PLAIN = Belief(agreement=1, score=1, doubt=0)
scores = st.floats(0, 1)


def test_worked_numbers() -> None:
    chances = PLAIN.chances({"a": [0.9, 0.5], "b": [0.5]})
    assert chances == pytest.approx({"a": 18 / 20, "b": 1 / 20})  # 2 x 9, 1, and none of these: 1


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.725, 0.97])
def test_a_lone_answer_is_as_probable_as_its_supporter(probability: float) -> None:
    assert PLAIN.chances({"a": [probability]})["a"] == pytest.approx(probability)


@given(st.lists(scores, min_size=1, max_size=20), scores)
def test_a_further_supporter_never_speaks_against_its_answer(
    supporters: list[float], one: float
) -> None:
    assert Belief().evidence([*supporters, one]) >= Belief().evidence(supporters)


@given(st.lists(scores, min_size=1, max_size=20), st.lists(scores, max_size=20))
def test_those_who_may_join_never_speak_against_it_either(
    supporters: list[float], running: list[float]
) -> None:
    joined = Belief().evidence(supporters, running)
    assert Belief().evidence(supporters) <= joined
    assert joined <= Belief().evidence([*supporters, *running])


def test_an_answer_that_nobody_gives_has_no_evidence() -> None:
    assert PLAIN.evidence([]) == -math.inf
    assert PLAIN.evidence([], [0.5]) == pytest.approx(math.log(0.5))


def test_doubt_is_the_evidence_for_what_nobody_said() -> None:
    doubtful = Belief(agreement=1, score=1, doubt=math.log(9))
    assert doubtful.chances({"a": [0.9]})["a"] == pytest.approx(0.5)


def test_no_answers_no_chances() -> None:
    assert PLAIN.chances({}) == {}


@given(st.dictionaries(st.text(max_size=3), st.floats(-1e4, 1e4), max_size=6))
def test_a_posterior_is_one(evidence: dict[str, float]) -> None:
    chances = posterior(evidence, 1.0)
    assert all(0 <= p <= 1 for p in chances.values())
    assert sum(chances.values()) <= 1 + 1e-9


@given(st.lists(scores, min_size=1, max_size=300))
def test_any_scores_give_a_probability(supporters: list[float]) -> None:
    assert 0 <= Belief().chances({"a": supporters})["a"] <= 1
