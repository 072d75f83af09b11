"""Survival policies on worked numbers, and what must hold for any of them."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arrol_serve.errors import InvalidRequest
from arrol_serve.pruning.registry import POLICIES, policy_from_spec
from arrol_serve.pruning.survival import GroupView, uniform
from arrol_serve.quality.posterior import solve_delta

SCORES = {0: 0.3, 1: -1.0, 2: 2.0, 3: 0.3, 4: -0.2, 5: 1.0, 6: -3.0, 7: 0.0}
SPECS: list[dict[str, Any]] = [
    {"name": "top_fraction", "keep": 0.5},
    {"name": "successive_halving"},
    {"name": "threshold", "threshold": 0.5},
    {"name": "confidence_floor", "threshold": 0.5},
    {"name": "random", "keep": 0.3},
    {"name": "top_fraction", "keep": 1e-300},
    {"name": "never"},
    {"name": "arrol"},
    {"name": "arrol_signed", "prompt_mean": 0.2},
    {"name": "both_ends", "lean": 0.5},
]


def view(**changes: Any) -> GroupView:
    facts: dict[str, Any] = {
        "size": 8, "probe": 0, "probes": 1, "alive": 8, "finished": 0, "pruned": 0,
        "min_survivors": 1, "seed": 7,
    }  # fmt: skip
    return GroupView(**{**facts, **changes})


def survivors(spec: dict[str, Any], scores: dict[int, float], **changes: int) -> list[int]:
    verdicts = policy_from_spec(spec).judge(scores, view(alive=len(scores), **changes))
    assert verdicts.keys() == scores.keys()
    return sorted(i for i, verdict in verdicts.items() if verdict.survives)


def test_top_fraction_keeps_the_best_and_breaks_ties_by_index() -> None:
    assert survivors({"name": "top_fraction", "keep": 0.375}, SCORES) == [0, 2, 5]


@pytest.mark.parametrize("keep", [0.25, 0.5])
def test_equal_scores_are_kept_in_equal_shares_whoever_comes_first(keep: float) -> None:
    """A wave is not lost because the one before it scored the same."""
    spec, kept = {"name": "top_fraction", "keep": keep}, 0
    for started in range(0, 32, 4):
        wave = dict.fromkeys(range(4), 1.0)
        at = view(alive=4, size=started + 4, min_survivors=0, earlier=[1.0] * started)
        kept += sum(v.survives for v in policy_from_spec(spec).judge(wave, at).values())
    assert kept == 32 * keep


@pytest.mark.parametrize("kappa", [0.01, 0.05, 0.5, 0.92, 0.95, 1.0])
@pytest.mark.parametrize(("rho", "lam"), [(0.5, 0.5), (0.0, 2.0), (1.0, 2.0), (0.5, 0.0)])
def test_a_shift_that_was_solved_for_is_one_that_the_rule_takes(
    kappa: float, rho: float, lam: float
) -> None:
    for q in ([0.0], [1.0], [0.0, 0.5, 1.0]):
        delta = solve_delta(q, kappa=kappa, rho=rho, lam=lam)
        POLICIES["arrol"](kappa=kappa, delta=delta, rho=rho, lam=lam)
        POLICIES["arrol_signed"](kappa=kappa, delta=delta, rho=rho, lam=lam)


def test_top_fraction_reaches_keep_over_several_probes() -> None:
    spec = {"name": "top_fraction", "keep": 0.25}
    first = survivors(spec, SCORES, probes=2, probe=0)
    assert len(first) == 4
    last = survivors(spec, {i: SCORES[i] for i in first}, probes=2, probe=1, pruned=4)
    assert last == [2, 5]


@pytest.mark.parametrize("name", ["top_fraction", "random"])
@pytest.mark.parametrize("probe", range(4))
def test_a_vanishing_keep_still_keeps_one(name: str, probe: int) -> None:
    assert survivors({"name": name, "keep": 1e-300}, SCORES, probes=4, probe=probe, size=1000)


def test_top_fraction_asks_its_share_of_the_live_only() -> None:
    live = {i: SCORES[i] for i in (0, 1, 2, 4)}
    assert survivors({"name": "top_fraction", "keep": 0.5}, live, finished=4) == [0, 2]


def test_successive_halving_halves_what_is_left() -> None:
    assert survivors({"name": "successive_halving"}, SCORES) == [0, 2, 3, 5]
    assert survivors({"name": "successive_halving"}, {0: 1.0, 2: 2.0, 5: 0.0}) == [0, 2]


def test_a_confidence_floor_is_a_score() -> None:
    assert survivors({"name": "confidence_floor", "threshold": 0.3}, SCORES) == [0, 2, 3, 5]


def test_threshold_is_a_probability() -> None:
    assert survivors({"name": "threshold", "threshold": 0.55}, SCORES) == [0, 2, 3, 5]
    assert 1 / (1 + math.exp(-0.3)) > 0.55


def test_random_keeps_as_many_as_top_fraction_and_ignores_scores() -> None:
    spec = {"name": "random", "keep": 0.375}
    kept = survivors(spec, SCORES)
    assert len(kept) == 3
    assert survivors(spec, {i: -s for i, s in SCORES.items()}) == kept
    assert survivors(spec, SCORES, seed=8) != kept


def test_arrol_survival_on_worked_numbers() -> None:
    policy = POLICIES["arrol"](posterior=[0.1, 0.4, 0.6, 0.9])
    assert policy.survival(-5.0) == pytest.approx(0.5 + 0.5 * (0.5 - 0.1))
    assert policy.survival(5.0) == pytest.approx(0.5 + 0.5 * (0.5 - 0.9))
    assert POLICIES["arrol"](lam=2.0, posterior=[0.9]).survival(0.0) == 0.1  # clipped


def signed(scores: dict[int, float], prompt_mean: float = 0.5, **more: float) -> list[float]:
    spec = {"name": "arrol_signed", "prompt_mean": prompt_mean, **more}
    verdicts = policy_from_spec(spec).judge(scores, view())
    return [verdicts[i].survival for i in sorted(scores)]


def test_signed_arrol_on_worked_numbers() -> None:
    # q is 0.1 and 0.3 with mean 0.2: hard, so the likelier success is kept.
    hard = signed({0: -5.0, 1: 0.0}, posterior=[0.1, 0.3, 0.5])
    assert hard == pytest.approx([0.5 - 0.5 * 0.1, 0.5 + 0.5 * 0.1])
    easy = signed({0: 0.0, 1: 5.0}, prompt_mean=0.9, posterior=[0.1, 0.5, 0.9])
    assert easy == pytest.approx([0.5 + 0.5 * 0.2, 0.5 - 0.5 * 0.2])


def test_per_probe_tables_and_shifts_are_those_of_the_probe() -> None:
    spec = {"name": "arrol", "posterior": [[0.2], [0.8]], "delta": [0.1, -0.1]}
    policy: Any = policy_from_spec(spec)
    found = [policy.judge({0: 0.0}, view(probe=n, probes=2))[0].survival for n in range(2)]
    assert found == pytest.approx([0.5 + 0.1 + 0.15, 0.5 - 0.1 - 0.15])
    for broken in (
        {"posterior": [[0.2], [2.0]]},
        {"delta": [0.0, 9.0]},
        {"posterior": [[0.2], 0.3]},
    ):
        with pytest.raises(InvalidRequest):
            policy_from_spec({**spec, **broken})


def test_signed_arrol_heeds_what_was_known_of_the_prompt() -> None:
    scores = {0: -0.3, 1: 0.1}  # q just under one half on the mean
    assert signed(scores, prompt_mean=0.5)[0] < signed(scores, prompt_mean=0.5)[1]
    assert signed(scores, prompt_mean=0.9)[0] > signed(scores, prompt_mean=0.9)[1]


def test_signed_arrol_brings_groups_nearer_to_balance_than_arrol() -> None:
    """On made-up groups with true posteriors: the mean variance of verdicts among survivors."""
    rng = random.Random(1)
    spread: dict[str, list[float]] = {"arrol": [], "arrol_signed": []}
    for number in range(1500):
        prompt = rng.gauss(-1.0, 1.5)
        scores = {i: prompt + rng.gauss(0.0, 1.5) for i in range(16)}
        right = {i: rng.random() < 1 / (1 + math.exp(-s)) for i, s in scores.items()}
        for name, found in spread.items():
            facts = view(size=16, alive=16, min_survivors=2, seed=number)
            verdicts = policy_from_spec({"name": name}).judge(scores, facts)
            kept = [right[i] for i, verdict in verdicts.items() if verdict.survives]
            share = sum(kept) / len(kept)
            found.append(share * (1 - share) * len(kept) / (len(kept) - 1))
    means = {name: sum(found) / len(found) for name, found in spread.items()}
    assert means["arrol_signed"] > means["arrol"] * 1.05


def test_arrol_keeps_kappa_on_average_after_delta_is_solved() -> None:
    rng = random.Random(0)
    scores = [rng.gauss(1.0, 2.0) for _ in range(4000)]
    q = [1 / (1 + math.exp(-s)) for s in scores]
    policy = POLICIES["arrol"](kappa=0.4, delta=solve_delta(q, kappa=0.4))
    assert sum(policy.survival(s) for s in scores) / len(scores) == pytest.approx(0.4, abs=1e-6)
    verdicts = policy.judge(dict(enumerate(scores)), view(alive=4000, size=4000))
    assert sum(v.survives for v in verdicts.values()) / 4000 == pytest.approx(0.4, abs=0.03)


def test_forced_survivors_carry_the_propensity_really_used() -> None:
    policy = POLICIES["arrol"](p_min=0.1, p_max=0.1)
    verdicts = policy.judge(SCORES, view(min_survivors=6))
    forced = [v for v in verdicts.values() if v.survival == 1.0]
    assert sum(v.survives for v in verdicts.values()) >= 6
    assert forced
    assert all(v.survives for v in forced)


@given(
    spec=st.sampled_from(SPECS),
    scores=st.dictionaries(st.integers(0, 40), st.floats(-20, 20), min_size=1, max_size=20),
    finished=st.integers(0, 5),
    least=st.integers(1, 25),
    probe=st.integers(0, 3),
    seed=st.integers(0, 2**60),
)
def test_any_policy_judges_all_replayably_and_keeps_the_minimum(
    spec: dict[str, Any], scores: dict[int, float], finished: int, least: int, probe: int, seed: int
) -> None:
    policy = policy_from_spec(spec)
    seen = view(
        size=len(scores) + finished, alive=len(scores), finished=finished, min_survivors=least,
        probe=probe, probes=4, seed=seed,
    )  # fmt: skip
    verdicts = policy.judge(scores, seen)
    assert verdicts.keys() == scores.keys()
    assert all(0 < v.survival <= 1 for v in verdicts.values())
    living = sum(v.survives for v in verdicts.values())
    assert living + finished >= min(least, len(scores) + finished)
    shuffled = dict(random.Random(seed).sample(list(scores.items()), len(scores)))
    assert policy.judge(shuffled, seen) == verdicts


@given(st.integers(), st.integers(0, 10), st.integers(0, 1000))
def test_the_coin_is_a_function_of_its_arguments(seed: int, probe: int, index: int) -> None:
    assert uniform(seed, probe, index) == uniform(seed, probe, index)
    assert 0 <= uniform(seed, probe, index) < 1


@pytest.mark.parametrize(
    ("spec", "param"),
    [
        ({"name": "top_fractoin", "keep": 0.5}, "arrol.prune.policy"),
        ({"name": "top_fraction"}, "arrol.prune.keep"),
        ({"name": "top_fraction", "keep": 0}, "arrol.prune.keep"),
        ({"name": "top_fraction", "keep": True}, "arrol.prune.keep"),
        ({"name": "top_fraction", "keep": float("nan")}, "arrol.prune.keep"),
        ({"name": "top_fraction", "keep": 0.5, "kepe": 1}, "arrol.prune.kepe"),
        ({"name": "threshold", "threshold": 1.5}, "arrol.prune.threshold"),
        ({"name": "arrol", "posterior": [2.0]}, "arrol.prune.posterior"),
        ({"name": "arrol", "p_min": 0.9, "p_max": 0.2}, "arrol.prune.p_min"),
    ],
)
def test_bad_specs_name_the_field(spec: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        policy_from_spec(spec)
    assert refusal.value.param == param
