"""The rule that keeps both ends: chances that are exact, the asked number, whoever comes first."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arrol_serve.errors import InvalidRequest
from arrol_serve.pruning.both_ends import BothEnds
from arrol_serve.pruning.fixed_size import draw, raised
from tests.unit.pruning.test_group import joined
from tests.unit.pruning.test_policies import view

CHANCES = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=24)
SCORES = st.lists(st.floats(-8, 8), min_size=2, max_size=24)


def survival(policy: BothEnds, scores: list[float], **changes: Any) -> list[float]:
    verdicts = policy.judge(dict(enumerate(scores)), view(**{"alive": len(scores), **changes}))
    return [verdicts[i].survival for i in range(len(scores))]


@given(CHANCES)
def test_each_is_drawn_with_exactly_its_chance(chances: list[float]) -> None:
    """By enumeration: between two ends of chances every coin draws the same ones."""
    ends = [math.fsum(chances[: i + 1]) % 1 for i in range(len(chances))]
    cuts = sorted({0.0, 1.0, *ends})
    drawn = [0.0] * len(chances)
    for low, high in pairwise(cuts):
        if high - low < 1e-6:  # rounding decides there
            continue
        chosen = draw(chances, (low + high) / 2)
        assert sum(chosen) in (math.floor(sum(chances)), math.ceil(sum(chances)))
        drawn = [total + (high - low) * hit for total, hit in zip(drawn, chosen, strict=True)]
    assert drawn == pytest.approx(chances, abs=1e-4)


@given(CHANCES, st.integers(0, 30), st.floats(0, 1, exclude_max=True))
@example([1.0, 1.0, 1.0], 3, math.nextafter(1, 0))
def test_at_least_so_many_are_drawn(chances: list[float], least: int, coin: float) -> None:
    up = raised(chances, least)
    assert all(chance <= more <= 1 for chance, more in zip(chances, up, strict=True))
    assert sum(draw(up, coin)) >= min(least, len(chances))


@given(SCORES, st.floats(0.05, 1.0), st.floats(0, 1), st.integers(1, 12), st.integers(0, 2**40))
def test_the_asked_number_survives(
    scores: list[float], keep: float, lean: float, least: int, seed: int
) -> None:
    facts = view(size=len(scores), alive=len(scores), min_survivors=least, seed=seed)
    verdicts = BothEnds(keep=keep, lean=lean).judge(dict(enumerate(scores)), facts)
    asked = max(math.ceil(len(scores) * keep - 1e-9), min(least, len(scores)))
    assert sum(v.survives for v in verdicts.values()) == asked
    assert math.fsum(v.survival for v in verdicts.values()) == pytest.approx(asked)
    assert all(v.survival > 0 for v in verdicts.values())  # else nothing could correct for it


@given(SCORES, st.floats(0, 1), st.integers(0, 2**40), st.randoms(use_true_random=False))
def test_who_comes_first_does_not_matter(
    scores: list[float], lean: float, seed: int, order: random.Random
) -> None:
    def told(arrivals: list[int]) -> dict[int, tuple[bool, float]]:
        policy = {"name": "both_ends", "lean": lean}
        made = joined(len(scores), policy=policy, seed=seed)
        decisions = [d for i in arrivals for d in made.observe(i, 3, scores[i])]
        return {d.index: (d.verdict.survives, d.verdict.survival) for d in decisions}

    arrivals = list(range(len(scores)))
    first = told(arrivals)
    assert len(first) == len(scores)
    order.shuffle(arrivals)
    assert told(arrivals) == first


@pytest.mark.parametrize("changes", [{}, {"earlier": (-1.0, 0.4, 3.0)}, {"min_survivors": 7}])
def test_over_many_seeds_rollouts_live_as_often_as_their_propensities_say(
    changes: dict[str, Any],
) -> None:
    scores, draws = [0.3, -1.0, 2.0, 0.3, -0.2, 1.0, -3.0, 0.0, 0.7, -2.0], 4000
    policy, lived = BothEnds(keep=0.4, lean=0.5, prompt_mean=0.8), [0] * len(scores)
    for seed in range(draws):
        facts = view(**{"size": 13, "alive": 10, "seed": seed, **changes})
        verdicts = policy.judge(dict(enumerate(scores)), facts)
        lived = [n + verdicts[i].survives for i, n in enumerate(lived)]
    expected = survival(policy, scores, size=13, **changes)
    for n, p in zip(lived, expected, strict=True):
        assert abs(n / draws - p) < 5 * math.sqrt(p * (1 - p) / draws) + 1e-9


def test_a_quarter_at_either_end_is_likely_and_the_middle_is_not_hopeless() -> None:
    assert survival(BothEnds(), [float(i) for i in range(16)], size=16) == pytest.approx(
        [0.9] * 4 + [0.1] * 8 + [0.9] * 4
    )


def test_it_leans_towards_what_is_rarer() -> None:
    policy = BothEnds(lean=1.0, posterior=[0.9], prompt_mean=0.9)
    # The ends have 8 places: 7.2 for the rare failures, 0.8 for successes.
    found = survival(policy, [float(i) for i in range(16)], size=16)
    assert found == pytest.approx([0.9] * 7 + [0.26] + [0.1] * 7 + [0.74])
    hard = survival(BothEnds(lean=1.0, posterior=[0.1], prompt_mean=0.1), [0.0, 1.0, 2.0, 3.0])
    assert hard == pytest.approx([0.26, 0.1, 0.74, 0.9])


def test_a_latecomer_is_judged_by_its_rank_among_all() -> None:
    before = tuple(float(i) for i in range(15))
    for score, expected in ((20.0, 0.9), (7.5, 0.1), (-1.0, 0.9)):
        (found,) = survival(BothEnds(), [score], size=16, earlier=before, min_survivors=0)
        assert found == pytest.approx(expected)


def test_a_share_beyond_the_bounds_is_kept_all_the_same() -> None:
    assert survival(BothEnds(keep=0.95), [0.0] * 20, size=20) == pytest.approx([0.95] * 20)


@pytest.mark.parametrize("key", ["keep", "lean", "p_min", "prompt_mean", "posterior"])
def test_bad_parameters_are_named(key: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        BothEnds(**{key: -1})
    assert refusal.value.param == f"arrol.prune.{key}"
