"""Counting ballots, and knowing when the count is over."""

from __future__ import annotations

import math
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arrol_serve.belief import Belief
from arrol_serve.voting import Ballot, VoteRule, beta_majority, decided, tally, weigh

RULES: tuple[VoteRule, ...] = get_args(VoteRule)
# Answer, quality, confidence: 7 has more ballots, 1/2 the better ones.
FIVE = [
    Ballot(0, "7", 0.2, 2.0),
    Ballot(1, "1/2", 0.9, 6.0),
    Ballot(2, "7", 0.3, 5.0),
    Ballot(3, "1/2", 0.6, 1.0),
    Ballot(4, "7", 0.1, 4.0),
]


def same(answers: str, quality: float | None = 0.5) -> list[Ballot]:
    """One ballot for each letter, which is its answer."""
    return [Ballot(i, answer, quality) for i, answer in enumerate(answers)]


@pytest.mark.parametrize(
    ("rule", "answer", "weight", "confidence"),
    [
        ("uniform", "7", 3.0, 3 / 5),
        ("quality", "1/2", 1.5, 1.5 / 2.1),
        ("rank", "1/2", 1.75, 1.75 / 2.5),  # ranks 4 and 3 of 0..4
        ("confidence", "7", 11.0, 11 / 18),
        ("best", "1/2", 1.0, 0.9),
    ],
)
def test_each_rule_weighs_its_own_way(
    rule: VoteRule, answer: str, weight: float, confidence: float
) -> None:
    result = tally(FIVE, rule)
    assert result.standings[0].answer == answer
    assert result.standings[0].weight == pytest.approx(weight)
    assert result.confidence == pytest.approx(confidence)


def test_the_winner_is_the_best_member_of_the_leading_answer() -> None:
    assert tally(FIVE, "rank").winner == 1


def test_a_uniform_vote_sees_no_score_in_ties_either() -> None:
    tied = [Ballot(0, "b", 0.1), Ballot(1, "a", 0.9), Ballot(2, "a", 0.8), Ballot(3, "b", 0.7)]
    result = tally(tied, "uniform")
    assert (result.standings[0].answer, result.winner) == ("b", 0)


def test_with_a_belief_confidence_is_the_probability_of_the_leader() -> None:
    belief = Belief(agreement=1, score=1, doubt=0)
    tied = [Ballot(0, "b", 0.5), Ballot(1, "a", 0.9), Ballot(2, "b", 0.5)]
    odds = {"a": 9.0, "b": 2.0}  # those of 0.9, and twice those of 0.5
    for rule, answer in (("evidence", "a"), ("quality", "b"), ("uniform", "b")):
        result = tally(tied, rule, belief)
        assert result.standings[0].answer == answer
        assert result.confidence == pytest.approx(odds[answer] / 12)
    assert [s.weight for s in tally(tied, "evidence", belief).standings] == [
        pytest.approx(9 / 12),
        pytest.approx(2 / 12),
    ]


def test_without_every_score_there_is_no_belief() -> None:
    half = [Ballot(0, "a", 0.9), Ballot(1, "a", None)]
    assert tally(half, "quality", Belief()).confidence == 1.0


def test_an_exact_tie_is_not_decided_by_rounding() -> None:
    ballots = [Ballot(i, "a", q) for i, q in enumerate((0.1, 0.2, 0.7))]
    assert not decided(tally(ballots, "quality"), 1, 1.0)


def test_a_standing_lists_its_rollouts() -> None:
    assert tally(FIVE, "uniform").standings[0].rollouts == (0, 2, 4)


def test_agreement_counts_answered_ballots_only() -> None:
    assert tally([*FIVE, Ballot(5, None, 0.99)], "quality").agreement == pytest.approx(2 / 5)


def test_equal_scores_share_their_mean_rank() -> None:
    ballots = [Ballot(i, "a", q) for i, q in enumerate([0.1, 0.5, 0.5, 0.9])]
    assert weigh(ballots, "rank") == {0: 0.0, 1: 0.5, 2: 0.5, 3: 1.0}


def test_a_single_ballot_ranks_highest() -> None:
    assert tally([Ballot(3, "a", 0.1)], "rank").confidence == 1.0


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("score", [None, math.nan, math.inf])
def test_a_score_that_is_missing_makes_all_ballots_equal(
    rule: VoteRule, score: float | None
) -> None:
    ballots = [Ballot(0, "a", 0.9, 9.0), Ballot(1, "b", score, score), Ballot(2, "b", 0.1, 0.1)]
    assert weigh(ballots, rule) == {0: 1.0, 1: 1.0, 2: 1.0}


@pytest.mark.parametrize("rule", ["quality", "confidence"])
def test_weights_that_are_all_zero_make_all_ballots_equal(rule: VoteRule) -> None:
    ballots = [Ballot(0, "a", 0.0, 0.0), Ballot(1, "b", 0.0, -1.0)]
    assert weigh(ballots, rule) == {0: 1.0, 1: 1.0}


@pytest.mark.parametrize(
    ("ballots", "answer"),
    [
        ([Ballot(0, "a", 0.8), Ballot(1, "b", 0.4), Ballot(2, "b", 0.4)], "b"),  # count
        ([Ballot(0, "a", 0.5), Ballot(1, "a", 0.5), Ballot(2, "b", 0.4), Ballot(3, "b", 0.6)], "b"),
        ([Ballot(1, "a", 0.5), Ballot(0, "b", 0.5)], "b"),  # lowest rollout
    ],
)
def test_ties_go_by_count_then_best_quality_then_index(ballots: list[Ballot], answer: str) -> None:
    assert tally(ballots, "quality").standings[0].answer == answer


def test_without_answers_the_best_quality_wins_and_nothing_is_claimed() -> None:
    result = tally([Ballot(0, None, 0.2), Ballot(1, None, 0.7), Ballot(2, None, 0.7)], "quality")
    assert (result.standings, result.winner) == ((), 1)
    assert (result.confidence, result.agreement) == (None, None)


def test_without_ballots_nobody_wins() -> None:
    assert tally([], "quality").winner is None


ballot_lists = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", None]),
        st.none() | st.floats(0, 1),
        st.none() | st.floats(0, 30),
    ),
    min_size=1,
    max_size=12,
).map(lambda rows: [Ballot(i, *row) for i, row in enumerate(rows)])
rules = st.sampled_from(RULES)


@given(ballot_lists, rules, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(
    ballots: list[Ballot], rule: VoteRule, random: Random
) -> None:
    shuffled = list(ballots)
    random.shuffle(shuffled)
    assert tally(shuffled, rule) == tally(ballots, rule)


@given(ballot_lists, rules)
def test_none_never_wins_against_an_answer(ballots: list[Ballot], rule: VoteRule) -> None:
    answered = {b.rollout for b in ballots if b.answer is not None}
    winner = tally(ballots, rule).winner
    assert winner in (answered or {b.rollout for b in ballots})


@given(ballot_lists, rules)
def test_ballots_without_an_answer_change_no_count(ballots: list[Ballot], rule: VoteRule) -> None:
    answered = [b for b in ballots if b.answer is not None]
    if answered:
        assert tally(ballots, rule) == tally(answered, rule)


@given(ballot_lists, rules)
def test_shares_are_shares(ballots: list[Ballot], rule: VoteRule) -> None:
    result = tally(ballots, rule)
    for share in (result.confidence, result.agreement):
        assert share is None or 0 <= share <= 1


@given(ballot_lists, rules, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_the_unit_of_confidence_changes_no_winner(
    ballots: list[Ballot], rule: VoteRule, unit: float
) -> None:
    scaled = [
        Ballot(
            b.rollout, b.answer, b.quality, None if b.confidence is None else b.confidence * unit
        )
        for b in ballots
    ]
    assert tally(scaled, rule).winner == tally(ballots, rule).winner


@given(st.integers(1, 40), st.integers(1, 40))
def test_beta_majority_is_the_binomial_sum(a: int, b: int) -> None:
    tosses = a + b - 1
    exact = sum(math.comb(tosses, k) for k in range(a)) / 2**tosses
    assert beta_majority(a, b) == pytest.approx(exact, abs=1e-10)


def test_beta_majority_between_integers() -> None:
    assert beta_majority(2.5, 1.5) == pytest.approx(0.5 + 2 / (3 * math.pi))


@pytest.mark.parametrize(
    ("answers", "outstanding", "done"),
    [
        ("aaab", 1, True),  # 3 to 1: one more makes it 3 to 2
        ("aaab", 2, False),  # a tie is possible
        ("ab", 0, True),
        ("a", 1, False),
        ("", 3, False),
    ],
)
def test_with_agreement_one_only_certainty_stops(
    answers: str, outstanding: int, done: bool
) -> None:
    assert decided(tally(same(answers), "uniform"), outstanding, 1.0) is done


@pytest.mark.parametrize(
    ("answers", "done"),
    [
        ("aaaa", True),  # 1 - 2^-5 = 0.97
        ("aaa", False),  # 1 - 2^-4 = 0.94
        ("aaaab", False),  # P(Beta(5, 2) > 1/2) = 57/64 = 0.89
        ("aaaaaab", True),  # P(Beta(7, 2) > 1/2) = 247/256 = 0.96
    ],
)
def test_a_likely_enough_leader_stops_the_search(answers: str, done: bool) -> None:
    assert decided(tally(same(answers), "uniform"), 100, 0.95) is done


def test_one_ballot_decides_nothing_while_others_are_out() -> None:
    assert not decided(tally(same("a"), "uniform"), 100, 0.51)


def test_low_qualities_leave_room_for_a_good_newcomer() -> None:
    result = tally(same("aaaab", quality=0.1), "quality")  # 0.4 to 0.1: one of 0.9 overtakes
    assert not decided(result, 1, 1.0)


def test_scores_above_one_are_no_bound_for_newcomers() -> None:
    result = tally(same("aaaab", quality=10.0), "quality")
    assert not decided(result, 1, 1.0)


@pytest.mark.parametrize(("outstanding", "done"), [(1, True), (2, False)])
def test_best_stops_when_a_better_newcomer_is_unlikely(outstanding: int, done: bool) -> None:
    result = tally(same("a" * 19), "best")
    assert decided(result, outstanding, 0.95) is done


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0.01, 1)), min_size=2, max_size=8),
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.01, 1)), min_size=1, max_size=4),
    rules,
)
def test_what_cannot_be_overtaken_is_not(
    first: list[tuple[str, float]], later: list[tuple[str, float]], rule: VoteRule
) -> None:
    ballots = [Ballot(i, a, q, 10 * q) for i, (a, q) in enumerate([*first, *later])]
    early = tally(ballots[: len(first)], rule)
    if decided(early, len(later), 1.0):
        assert tally(ballots, rule).standings[0].answer == early.standings[0].answer
