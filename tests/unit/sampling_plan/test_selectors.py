"""Which selectors ask for a search, and which one wins."""

from __future__ import annotations

from typing import Any

import pytest

from arrol_serve.sampling_plan import Selectors, resolve
from arrol_serve.sampling_plan.groups import group_plan
from arrol_serve.sampling_plan.stopping import DEFAULT_AGREEMENT
from arrol_serve.search.course import Waves
from arrol_serve.search.stop import ByAgreement
from tests.unit.sampling_plan.plans import HEADED, search


@pytest.mark.parametrize(
    "selectors",
    [
        {},
        {"body": False},
        {"body": {"samples": 1}},
        {"body": {"budget": 1}},
        {"body": {"samples": 1, "prune": None}},
        {"headers": {"x-arrol-samples": "1"}},
        {"alias": {"samples": 16}, "body": False},
        {"alias": {"samples": 16, "prune": {"keep": 0.5}}, "body": {"samples": 1}},
        {"body": {"samples": 16}, "headers": {"X-Arrol-Samples": "1"}},
    ],
)
def test_plain_requests(selectors: dict[str, Any]) -> None:
    assert resolve(Selectors(**selectors), HEADED) is None


def test_a_header_turns_a_search_on_over_a_body_that_turned_it_off() -> None:
    assert search(body=False, headers={"X-Arrol-Samples": "8"}).samples == 8


def test_an_empty_object_or_true_is_a_search_with_defaults() -> None:
    for body in ({}, True):
        plan = search(body=body)
        assert (plan.samples, plan.vote, plan.scorer) == (16, "quality", "head")
        assert (plan.prune, plan.stop_rule, plan.deadline_s) == (None, None, None)
        assert plan.waves == Waves(16, 16, 16)


def test_stronger_selectors_win_key_by_key() -> None:
    plan = search(
        HEADED.model_copy(update={"default": {"samples": 2, "vote": "rank", "deadline_s": 5}}),
        alias={"samples": 3, "vote": "best", "prune": {"keep": 0.25, "probes": [8]}},
        xargs={"arrol_samples": 4, "arrol_probes": "10,20"},
        body={"samples": 5, "prune": {"min_survivors": 2}},
        headers={"X-Arrol-Samples": "6", "X-Arrol-Max-Total-Tokens": "900"},
    )
    assert plan.samples == 6
    assert plan.vote == "best"
    assert plan.deadline_s == 5
    assert plan.max_total_tokens == 900
    assert plan.prune is not None
    assert plan.prune.policy == {"name": "top_fraction", "keep": 0.25}
    assert plan.prune.probes == (10, 20)
    assert plan.prune.min_survivors == 2


def test_every_flat_header_reaches_its_place() -> None:
    flat = {
        "Samples": "8",
        "Min-Samples": "4",
        "Agreement": "0.9",
        "Keep": "0.5",
        "Probes": "24,48",
        "Wave-Samples": "2",
        "Policy": "successive_halving",
        "Vote": "uniform",
        "Scorer": "confidence",
        "Deadline-S": "2.5",
        "Max-Total-Tokens": "1000",
        "Return": "candidates",
        "Stream": "progress",
        "Extract": "regex",
        "Regex": r"= (\d+)",
    }
    plan = search(headers={f"X-Arrol-{name}": value for name, value in flat.items()})
    assert plan.waves == Waves(8, 4, 2, probe=plan.prune.probes[-1] if plan.prune else None)
    assert plan.stop_rule == ByAgreement(0.9, "uniform", plan.belief)
    assert plan.prune is not None
    assert plan.prune.policy == {"name": "successive_halving", "keep": 0.5}
    assert plan.prune.probes == (24, 48)
    assert (plan.vote, plan.scorer) == ("uniform", "confidence")
    assert (plan.deadline_s, plan.max_total_tokens) == (2.5, 1000)
    assert (plan.returns, plan.stream) == ("candidates", "progress")
    assert (plan.answer.extract, plan.answer.regex) == ("regex", r"= (\d+)")


def test_xargs_take_numbers_and_lists_as_they_are() -> None:
    plan = search(xargs={"arrol_samples": 4, "arrol_keep": 0.5, "arrol_probes": [16, 32]})
    assert plan.samples == 4
    assert plan.prune is not None
    assert plan.prune.probes == (16, 32)


def test_budget_is_samples_and_replaces_it_across_layers() -> None:
    assert search(body={"budget": 8}).samples == 8
    assert search(body={"budget": 8, "samples": 8}).samples == 8
    assert search(alias={"samples": 16}, body={"budget": 8}).samples == 8
    assert search(alias={"budget": 16}, body={"samples": 8}).samples == 8


def test_null_means_the_default_and_undoes_a_weaker_layer() -> None:
    nulls = dict.fromkeys(("prune", "early_stop", "vote", "scorer", "answer", "return", "stream"))
    plan = search(alias={"samples": 4, "prune": {"keep": 0.5}, "vote": "rank"}, body=nulls)
    assert (plan.samples, plan.prune, plan.vote, plan.returns) == (4, None, "quality", "summary")


def test_another_survival_policy_drops_the_parameters_of_the_one_below() -> None:
    plan = search(alias={"prune": {"keep": 0.25}}, body={"prune": {"threshold": 0.3}})
    assert plan.prune is not None
    assert plan.prune.policy == {"name": "threshold", "threshold": 0.3}
    plan = search(alias={"prune": {"keep": 0.25}}, headers={"X-Arrol-Policy": "never"})
    assert plan.prune is not None
    assert plan.prune.policy == {"name": "never"}


def test_without_a_scorer_votes_are_counted_and_the_engine_scores_nobody() -> None:
    plan = search(body={"scorer": "none", "early_stop": {}})
    assert (plan.vote, plan.scorer, plan.belief) == ("uniform", "none", None)
    assert plan.stop_rule == ByAgreement(DEFAULT_AGREEMENT, "uniform", None)
    assert group_plan(plan).signals == ()
    assert search(body={"scorer": "none", "prune": {"policy": "never"}}).prune is None
    assert search(alias={"vote": "rank"}, body={"scorer": "none", "vote": None}).vote == "uniform"
