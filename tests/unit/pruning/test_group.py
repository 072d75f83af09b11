"""The group's state machine, without an engine."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arrol_serve.errors import InvalidRequest
from arrol_serve.pruning.group import Decision, Group
from arrol_serve.pruning.schedule import saved_estimate, validate_probes


def group(size: int = 4, **changes: Any) -> Group:
    plan = {
        "size": size,
        "probes": [3],
        "policy": {"name": "top_fraction", "keep": 0.5},
        "seed": 1,
        "min_survivors": 1,
        "started": 0,
        "earlier": [],
    }
    return Group({**plan, **changes})


def joined(size: int = 4, **changes: Any) -> Group:
    made = group(size, **changes)
    for index in range(size):
        made.join(index)
        made.begin(index)
    return made


def ended(decisions: list[Decision]) -> list[int]:
    return [d.index for d in decisions if not d.verdict.survives]


def test_a_ranking_waits_for_the_last_arrival() -> None:
    made = joined()
    assert [made.observe(i, 3, float(i)) for i in range(3)] == [[], [], []]
    assert made.observe(0, 4, 9.0) == []  # generating on does not change its score at the probe
    assert ended(made.observe(3, 3, 3.0)) == [0, 1]


def test_a_member_pruned_in_this_step_comes_to_no_further_probe() -> None:
    """It was on its list already: another one's arrival ended it just before."""
    made = joined(2, probes=[3, 6], policy={"name": "top_fraction", "keep": 0.25})
    assert made.observe(1, 3, 1.0) == []
    assert ended(made.observe(0, 3, 2.0)) == [1]
    assert made.observe(1, 6, 9.0) == []
    kept = made.observe(0, 6, 0.0)
    assert [(d.index, d.verdict.survives) for d in kept] == [(0, True)]


def test_a_policy_of_whole_groups_decides_nothing_before_all_have_joined() -> None:
    made = group(2, policy={"name": "arrol_signed", "p_max": 1e-6, "p_min": 1e-6})
    made.join(0)
    made.begin(0)
    assert made.observe(0, 3, 1.0) == []
    made.join(1)
    made.begin(1)
    assert len(made.observe(1, 3, 2.0)) == 2


def test_a_ranking_waits_for_those_that_generate_and_not_for_those_that_queue() -> None:
    made = group(6)
    for index in range(6):
        made.join(index)
    for index in range(4):
        made.begin(index)
    for index in range(3):
        assert made.observe(index, 3, float(index)) == []
    assert ended(made.observe(3, 3, 3.0)) == [0, 1]
    made.begin(4)
    made.begin(5)  # judged against all who came to the probe: 3 of 6 survive
    assert made.observe(4, 3, 2.5) == []
    assert ended(made.observe(5, 3, 0.5)) == [5]
    assert made.probes_of(4)[0].survival == 0.5


def test_one_that_begins_later_is_not_waited_for() -> None:
    made = group(3, policy={"name": "top_fraction", "keep": 0.3})
    for index in range(3):
        made.join(index)
    made.begin(0)
    made.begin(1)
    made.observe(0, 3, 1.0)
    made.begin(2)
    assert ended(made.observe(1, 3, 2.0)) == [0]


def test_one_that_is_still_on_its_way_to_the_engine_is_waited_for() -> None:
    made = group(2)
    made.join(0)
    made.begin(0)
    assert made.observe(0, 3, 1.0) == []
    assert made.observe(0, 4, 1.0) == []
    made.join(1)
    made.begin(1)  # it starts in the next step, for there is room
    assert made.observe(0, 5, 1.0) == []
    assert ended(made.observe(1, 3, 2.0)) == [0]


def test_a_score_is_that_of_the_probe_however_long_one_waited_at_the_probe_before() -> None:
    made = joined(2, probes=[3, 5])
    for tokens in range(3, 8):
        assert made.observe(0, tokens, float(tokens)) == []
    made.observe(1, 3, 3.0)
    assert made.observe(0, 8, 8.0) == []
    made.observe(1, 4, 4.0)
    decided = made.observe(1, 5, 4.5)
    assert {(d.index, d.tokens, round(d.score, 2)) for d in decided} == {(0, 5, 5.0), (1, 5, 4.5)}


def test_who_ended_while_it_waited_at_a_probe_is_still_ranked_there() -> None:
    made = joined(4)
    for index, score in enumerate([3.0, 2.0, 1.0]):
        assert made.observe(index, 3, score) == []
    assert made.leave(0, pruned=False) == []
    assert ended(made.observe(3, 3, 0.0)) == [2, 3]


def test_the_last_bits_of_a_score_decide_nothing() -> None:
    fates = set()
    for noise in (-1e-6, 0.0, 1e-6):
        made = joined(2)
        made.observe(0, 3, 0.5)
        fates.add(tuple(ended(made.observe(1, 3, 0.5 + noise))))
    assert len(fates) == 1


def test_waves_of_the_same_score_live_in_the_same_share() -> None:
    judged: list[float] = []
    lived = []
    for started in range(0, 64, 8):
        made = joined(8, started=started, earlier=[judged])
        decided = [d for i in range(8) for d in made.observe(i, 3, 0.25)]
        judged += [d.score for d in decided]
        lived.append(sum(d.verdict.survives for d in decided))
    assert 24 <= sum(lived) <= 40
    assert min(lived) >= 2


def test_one_that_comes_late_and_has_to_queue_is_not_waited_for() -> None:
    made = group(3, policy={"name": "top_fraction", "keep": 0.3})
    for index in range(2):
        made.join(index)
        made.begin(index)
    assert [made.observe(index, 3, float(index)) for index in range(2)] == [[], []]
    made.join(2)
    assert ended(made.observe(0, 4, 0.0)) == [0]


def test_a_later_group_is_judged_against_the_scores_before_it() -> None:
    made = joined(2, started=4, earlier=[[0.0, 1.0, 2.0, 3.0]])
    made.observe(0, 3, 1.5)
    assert ended(made.observe(1, 3, 2.5)) == [0]  # of six the best three live: 3.0, 2.5 and 2.0


def test_every_candidate_of_a_search_has_a_coin_of_its_own() -> None:
    patterns = set()
    for started in range(0, 64, 8):
        made = joined(8, policy={"name": "arrol"}, started=started, min_survivors=0)
        patterns.add(tuple(d.verdict.survives for i in range(8) for d in made.observe(i, 3, 0.0)))
    assert len(patterns) > 4


@pytest.mark.parametrize("size", [127, 128, 129, 160, 256, 300])
def test_half_are_pruned_however_many_are_beyond_the_engines_places(size: int) -> None:
    """128 places, first come first served: who queues starts as others end."""
    made, places, length = group(size, probes=[10]), 128, 30
    rng, score = random.Random(size), {}
    tokens: dict[int, int] = {}
    queue, pruned = list(range(size)), 0
    for index in range(size):
        made.join(index)
    while queue or tokens:
        while queue and len(tokens) < places:
            tokens[queue.pop(0)] = 0
        for index in tokens:
            tokens[index] += 1
            made.begin(index)
        for index in sorted(tokens):
            score.setdefault(index, rng.random())
            for decision in made.observe(index, tokens[index], score[index]):
                if not decision.verdict.survives:
                    del tokens[decision.index]
                    pruned += 1
        for index in [i for i, count in tokens.items() if count >= length]:
            del tokens[index]
            made.leave(index, pruned=False)
    assert abs(pruned - size / 2) <= 0.1 * size


def test_a_member_that_ends_settles_the_decision_that_waited_for_it() -> None:
    made = joined(4)
    for index in range(3):
        assert made.observe(index, 3, float(index)) == []
    assert ended(made.leave(3, pruned=False)) == [0]


def test_several_tokens_at_once_may_cross_several_probes() -> None:
    made = joined(4, probes=[2, 4], policy={"name": "successive_halving"})
    for index in range(3):
        made.observe(index, 6, float(index))
    assert ended(made.observe(3, 6, 3.0)) == [0, 1, 2]
    assert [p.tokens for p in made.probes_of(3)] == [6, 6]


def test_an_immediate_policy_decides_at_each_arrival() -> None:
    made = joined(2, policy={"name": "threshold", "threshold": 0.5})
    assert ended(made.observe(0, 3, -1.0)) == [0]
    assert ended(made.observe(1, 3, 1.0)) == []


def test_probe_records_keep_the_propensity() -> None:
    made = joined(4)
    for index in range(4):
        made.observe(index, 3, float(index))
    (probe,) = made.probes_of(3)
    assert (probe.tokens, round(probe.score, 2), probe.survival) == (3, 3.0, 0.5)


@given(
    size=st.integers(1, 8),
    probes=st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True).map(sorted),
    policy=st.sampled_from(
        [
            {"name": "top_fraction", "keep": 0.4},
            {"name": "successive_halving"},
            {"name": "random", "keep": 0.5},
            {"name": "threshold", "threshold": 0.5},
            {"name": "arrol"},
            {"name": "never"},
        ]
    ),
    seed=st.integers(0, 10_000),
)
def test_any_interleaving_judges_once_a_probe_and_ends_empty(
    size: int, probes: list[int], policy: dict[str, Any], seed: int
) -> None:
    rng = random.Random(seed)
    made = group(size, probes=probes, policy=policy, seed=seed)
    length = {i: rng.randint(1, 16) for i in range(size)}
    tokens = dict.fromkeys(range(size), 0)
    waiting, live = list(range(size)), set()
    judged: dict[int, int] = dict.fromkeys(range(size), 0)
    gone: set[int] = set()

    def carry_out(decisions: list[Decision]) -> None:
        for decision in decisions:
            assert decision.index not in gone
            judged[decision.index] += 1
            if not decision.verdict.survives:
                gone.add(decision.index)
                live.discard(decision.index)
                carry_out(made.leave(decision.index, pruned=True))

    while waiting or live:
        if waiting and (not live or rng.random() < 0.4):
            index = waiting.pop(0)
            live.add(index)
            made.join(index)
            made.begin(index)
            continue
        index = rng.choice(sorted(live))
        tokens[index] += rng.randint(1, 3)
        if tokens[index] >= length[index]:
            live.discard(index)
            carry_out(made.leave(index, pruned=False))
        else:
            carry_out(made.observe(index, tokens[index], rng.gauss(0, 2)))
    assert made.empty
    assert all(count <= len(probes) for count in judged.values())
    assert len(gone) < size


def test_saved_estimate_runs_to_the_mean_of_the_finished() -> None:
    assert saved_estimate([20, 20, 90], [60, 100]) == 120
    assert saved_estimate([20], []) == 0


@pytest.mark.parametrize(
    "bad", [[], [0], [5, 3], [4, 4], [1.5], [True], "24", None, list(range(1, 40))]
)
def test_bad_probes_are_refused(bad: object) -> None:
    with pytest.raises(InvalidRequest, match="rising order"):
        validate_probes(bad)
