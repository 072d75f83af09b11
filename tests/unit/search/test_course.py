"""The decisions of a search, in token time, without an engine."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arrol_serve.belief import Belief
from arrol_serve.search.course import Course, Launch, Stop, Waves
from arrol_serve.search.stop import ByAgreement, ByConfidence, StopRule
from arrol_serve.voting import Ballot, tally

BELIEF = Belief(agreement=1, score=1, doubt=0)
SURE = ByConfidence(0.9, "quality", BELIEF)


def course(
    samples: int = 12,
    first: int = 4,
    then: int = 4,
    probe: int | None = None,
    rule: StopRule | None = SURE,
    growth: float = 0.0,
) -> Course:
    return Course(Waves(samples, first, then, probe, growth), rule)


def end(made: Course, index: int, tokens: int, answer: str | None, quality: float = 0.5) -> None:
    made.ended(index, tokens, None if answer is None else Ballot(index, answer, quality))


def test_without_a_rule_all_start_at_once_and_nothing_is_decided() -> None:
    made = course(8, 8, 8, rule=None)
    assert made.begin() == Launch(range(8), 0)
    end(made, 0, 10, "a", 0.99)
    assert made.next() is None


def test_waves_grow_with_what_has_been_started() -> None:
    waves, sizes, started = Waves(64, 3, 2, growth=0.5), [], 0
    while wave := waves.after(started):
        sizes.append(len(wave))
        started = wave.stop
    assert sizes == [3, 2, 2, 3, 5, 7, 11, 16, 15]
    assert Waves(64, 3, 2).after(40) == range(40, 42)


def test_one_strong_candidate_is_enough() -> None:
    made = course()
    made.begin()
    for index in range(1, 4):
        made.generated(index, 11)
    end(made, 0, 10, "a", 0.97)  # 3 x 97/3 = 97 to 1
    assert made.next() == Stop("confidence", frozenset({0}), 10)


def test_ten_weak_ones_that_agree_are_not() -> None:
    made = course(12, 10, 1)
    made.begin()
    for index in range(10):
        end(made, index, 10 + index, "a", 0.2)  # 3 x 1/4: evidence against
    assert made.next() == Launch(range(10, 11), 19)


def test_a_wave_that_settles_nothing_is_followed_by_another() -> None:
    made = course()
    made.begin()
    for index, answer in enumerate("abcd"):
        end(made, index, 10 + index, answer)
    assert made.next() == Launch(range(4, 8), 13)
    assert made.next() is None


def test_all_samples_end_the_search_without_a_decision() -> None:
    made = course(6)
    made.begin()
    for index in range(4):
        end(made, index, 10, None)
    assert made.next() == Launch(range(4, 6), 10)
    for index in (4, 5):
        end(made, index, 7, "a", 0.99)
    assert made.next() == Stop("confidence", frozenset(range(6)), 17) or not made.more


def test_a_decision_waits_for_slower_siblings_to_pass_the_moment() -> None:
    made = course()
    made.begin()
    end(made, 0, 10, "a", 0.97)
    for index in range(1, 4):
        made.generated(index, 10)  # it may yet end with its tenth token
    assert made.next() is None
    assert made.waiting
    for index in range(1, 4):
        made.generated(index, 11)
    assert isinstance(made.next(), Stop)


def test_the_next_wave_starts_at_the_probe_if_a_stop_is_out_of_reach() -> None:
    made = course(probe=5)
    made.begin()
    for index in range(4):
        made.generated(index, 6)
        made.passed(index, 0.1)
    assert made.next() == Launch(range(4, 8), 5)


def test_it_does_not_if_those_that_run_may_well_settle_it() -> None:
    made = course(probe=5)
    made.begin()
    for index in range(4):
        made.generated(index, 6)
        made.passed(index, 0.9)
    assert made.next() is None


def test_a_stop_counts_no_candidate_of_a_later_wave() -> None:
    made = course(probe=5)
    made.begin()
    for index in range(4):
        made.passed(index, 0.1)
        made.generated(index, 6)
    assert isinstance(made.next(), Launch)
    end(made, 4, 3, "b", 0.5)  # at 8, of the second wave
    for index in range(5, 8):
        made.generated(index, 1)  # they queued
    for index in range(4):
        end(made, index, 9, "a", 0.9)
    assert made.next() == Stop("confidence", frozenset(range(4)), 9)


def test_a_straggler_of_an_earlier_wave_holds_up_no_further_ones() -> None:
    """The whole second wave ended before its probe, and nothing of it is left to wait for."""
    made = course(16, 2, 2, probe=64)
    made.begin()
    made.passed(0, 0.1)
    made.passed(1, 0.1)
    for index in (0, 1):
        made.generated(index, 65)
    assert made.next() == Launch(range(2, 4), 64)
    end(made, 1, 70, "a", 0.1)
    end(made, 2, 50, "b", 0.1)
    end(made, 3, 40, "c", 0.1)
    made.generated(0, 200)
    assert made.next() == Launch(range(4, 6), 128)


def test_agreement_needs_no_scores() -> None:
    made = course(rule=ByAgreement(0.9, "uniform"))
    made.begin()
    for index in range(4):
        made.ended(index, 10 + index, Ballot(index, "a"))
    assert made.next() == Stop("agreement", frozenset(range(3)), 12)  # 1 - 2^-4 = 0.94


def test_a_missing_score_never_stops_by_confidence() -> None:
    made = course(4, 2, 2)
    made.begin()
    made.ended(0, 10, Ballot(0, "a", None))
    end(made, 1, 10, "a", 0.99)
    assert isinstance(made.next(), Launch)


@dataclass
class Sampled:
    """What candidates would do, and a simulated engine that reports it in any order."""

    tokens: list[int]
    answers: list[str]
    qualities: list[float]
    probe: int
    rng: random.Random
    made: Course
    decisions: list[Launch | Stop] = field(default_factory=list)

    def run(self) -> list[Launch | Stop]:
        step: Launch | Stop | None = self.made.begin()
        live: dict[int, int] = {}
        told: set[int] = set()
        while True:
            while step is not None:
                self.decisions.append(step)
                if isinstance(step, Stop):
                    return self.decisions
                live |= dict.fromkeys(step.candidates, 0)
                step = self.made.next()
            if not live:
                return self.decisions
            index = self.rng.choice(list(live))  # each at its own pace
            live[index] += 1
            if live[index] == self.probe and self.tokens[index] > self.probe:
                told.add(index)
                self.made.passed(index, self.qualities[index])
            if live[index] >= self.tokens[index]:
                del live[index]
                ballot = Ballot(index, self.answers[index], self.qualities[index])
                self.made.ended(index, self.tokens[index], ballot)
            else:
                self.made.generated(index, live[index])
            step = self.made.next()


cases = st.integers(1, 24).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(1, 12), min_size=n, max_size=n),
        st.lists(st.sampled_from("abc"), min_size=n, max_size=n),
        st.lists(st.floats(0.01, 0.99), min_size=n, max_size=n),
    )
)


@settings(deadline=None)
@given(
    cases,
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.5, 4.0]),
    st.randoms(),
)
def test_any_pace_leads_to_the_same_first_wave_and_a_stop_that_is_sure_enough(
    case: tuple[list[int], list[str], list[float]],
    first: int,
    then: int,
    probe: int,
    growth: float,
    rng: random.Random,
) -> None:
    tokens, answers, qualities = case
    made = course(len(tokens), first, then, probe, growth=growth)
    decisions = Sampled(tokens, answers, qualities, probe, rng, made).run()
    started = [i for d in decisions if isinstance(d, Launch) for i in d.candidates]
    assert started == list(range(len(started)))
    last = decisions[-1]
    if isinstance(last, Stop):
        ballots = [Ballot(i, answers[i], qualities[i]) for i in last.counted]
        sure = tally(ballots, "quality", BELIEF).confidence
        assert sure is not None
        assert sure >= SURE.confidence
    else:
        assert len(started) == len(tokens)


@settings(deadline=None)
@given(cases, st.integers(1, 6), st.integers(0, 2**32), st.integers(0, 2**32))
def test_within_a_wave_the_pace_of_candidates_changes_nothing(
    case: tuple[list[int], list[str], list[float]], then: int, one: int, other: int
) -> None:
    """Waves that do not overlap: what was counted does not depend on who came back first."""
    tokens, answers, qualities = case

    def decisions(seed: int) -> list[Launch | Stop]:
        made = course(len(tokens), then, then, None)
        return Sampled(tokens, answers, qualities, 10**9, random.Random(seed), made).run()

    assert decisions(one) == decisions(other)


@pytest.mark.parametrize("rule", [SURE, ByAgreement(0.9, "quality")])
def test_the_order_of_ballots_changes_nothing(rule: StopRule) -> None:
    ballots = [Ballot(i, "ab"[i % 3 == 0], 0.3 + 0.05 * i) for i in range(10)]
    settled = {rule.settled(random.Random(seed).sample(ballots, 10), 5) for seed in range(20)}
    assert len(settled) == 1
