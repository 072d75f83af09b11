"""Equality in a vote is an equivalence relation, whatever the order of the answers."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.partition import partition, same

_NUMBERS = st.integers(-60, 60)
ANSWERS = st.one_of(
    _NUMBERS.map(str),
    _NUMBERS.map(lambda n: f"{n}%"),
    _NUMBERS.map(lambda n: f"{n / 100}"),
    st.tuples(_NUMBERS, st.sampled_from(["cm", "m", "mm", "cousins", "dollars", "cents"])).map(
        lambda pair: f"{pair[0]} {pair[1]}"
    ),
    st.tuples(st.sampled_from("xyk"), _NUMBERS).map(lambda pair: f"{pair[0]} = {pair[1]}"),
    st.tuples(_NUMBERS, st.integers(1, 9)).map(lambda pair: rf"\frac{{{pair[0]}}}{{{pair[1]}}}"),
    st.tuples(_NUMBERS, st.integers(1, 9)).map(lambda pair: f"{pair[0] / pair[1]:.7f}"),
    st.lists(_NUMBERS, min_size=2, max_size=3).map(lambda ns: ", ".join(map(str, ns))),
    st.lists(_NUMBERS, min_size=2, max_size=3).map(lambda ns: str(ns)),
    st.lists(st.sampled_from("ABCD"), min_size=1, max_size=3, unique=True).map("".join),
    st.sampled_from(
        ["yes", "No", r"\sqrt{2}", "1.4142136", r"\pm 3", "3:4", "x^2-1", "(x-1)(x+1)"]
    ),
    st.text("0123456789./-+ ,%eE{}[]()$\\\"frac='xB\n", max_size=10),
)


@given(ANSWERS)
def test_reflexive(answer: str) -> None:
    form = kind_of(answer)
    assert partition([form, form]) == [0, 0]
    assert same(form, kind_of(answer))


@given(ANSWERS, ANSWERS)
def test_symmetric(a: str, b: str) -> None:
    assert same(kind_of(a), kind_of(b)) == same(kind_of(b), kind_of(a))


@settings(max_examples=300, deadline=None)  # 14 answers are 14 answers late on a busy machine
@given(st.lists(ANSWERS, min_size=2, max_size=14), st.integers(0, 9))
def test_a_vote_has_the_same_clusters_in_every_order(answers: list[str], seed: int) -> None:
    forms = [kind_of(answer) for answer in answers]
    order = random.Random(seed).sample(range(len(forms)), len(forms))
    straight = partition(forms)
    shuffled = partition([forms[i] for i in order])
    for place, i in enumerate(order):
        for other, j in enumerate(order):
            assert (straight[i] == straight[j]) == (shuffled[place] == shuffled[other])


@given(ANSWERS, ANSWERS)
def test_two_answers_are_one_cluster_exactly_if_they_are_equal(a: str, b: str) -> None:
    first, second = kind_of(a), kind_of(b)
    assert (partition([first, second]) == [0, 0]) == same(first, second)


def test_no_chain_makes_fifty_a_half() -> None:
    groups = partition([kind_of(a) for a in ("50", r"50\%", "0.5", "50%", "1/2")])
    assert groups[0] != groups[2] == groups[4]
    assert groups[1] == groups[3]


def test_no_bare_number_makes_two_percentages_one() -> None:
    groups = partition([kind_of(a) for a in ("50%", "0.5", "0.5%")])
    assert groups[0] != groups[2]


def test_a_bare_number_joins_one_unit_only() -> None:
    forms = [kind_of(a) for a in ("5 cm", "5", "5 m", "5 cm", "0.05 m")]
    assert partition(forms) == [0, 0, 1, 0, 0]
