"""Probes, early stop, beliefs and presets: what a plan makes of the head and of what is left unsaid."""

from __future__ import annotations

import pytest

from arrol_serve.belief import Belief
from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan import SearchPlan, Selectors, resolve
from arrol_serve.search.course import Waves
from arrol_serve.search.stop import ByAgreement, ByConfidence
from tests.unit.sampling_plan.plans import HEADED, PLAIN, search


def test_probes_default_to_those_of_the_head() -> None:
    plan = search(body={"prune": {}})
    assert plan.prune is not None
    assert plan.prune.probes == (24, 48)
    assert plan.prune.policy == {"name": "top_fraction", "keep": 0.5}
    assert plan.prune.min_survivors == 1


def test_the_largest_share_that_still_prunes_is_taken() -> None:
    plan = search(body={"prune": {"keep": 0.9375, "min_survivors": 15}})
    assert plan.prune is not None
    assert search(body={"samples": 1, "prune": {"policy": "never"}, "vote": "best"}).samples == 1


def test_without_a_head_the_scorer_is_confidence_and_head_is_refused() -> None:
    assert search(PLAIN, body={}).scorer == "confidence"
    with pytest.raises(InvalidRequest, match="--head"):
        resolve(Selectors(body={"scorer": "head"}), PLAIN)
    chosen = HEADED.model_copy(update={"scorer": "confidence"})
    assert search(chosen, body={}).scorer == "confidence"


def test_the_server_caps_the_tokens_of_a_search() -> None:
    capped = HEADED.model_copy(update={"max_total_tokens": 100})
    assert search(capped, body={}).max_total_tokens == 100
    assert search(capped, body={"max_total_tokens": 50}).max_total_tokens == 50
    with pytest.raises(InvalidRequest, match="at most 100"):
        resolve(Selectors(body={"max_total_tokens": 101}), capped)


def test_early_stop_starts_small() -> None:
    assert search(body={"early_stop": {}}).waves == Waves(16, 4, 4)
    assert search(body={"samples": 3, "early_stop": {}}).waves == Waves(3, 1, 1)
    grown = {"samples": 8, "early_stop": {}, "min_samples": 3, "wave_samples": 2}
    assert search(body=grown).waves == Waves(8, 3, 2)
    assert search(body=grown | {"wave_growth": 0.5}).waves == Waves(8, 3, 2, growth=0.5)


def test_early_stop_believes_the_head_where_there_is_one() -> None:
    rule = search(body={"early_stop": {}}).stop_rule
    assert rule == ByConfidence(0.9, "quality", HEADED.belief)
    plain = resolve(Selectors(body={"early_stop": {}}), PLAIN)
    assert plan_rule(plain) == ByAgreement(0.95, "quality")
    with pytest.raises(InvalidRequest, match="only the scorer head can tell"):
        resolve(Selectors(body={"early_stop": {"confidence": 0.9}}), PLAIN)


def plan_rule(plan: SearchPlan | None) -> object:
    assert plan is not None
    return plan.stop_rule


def test_a_plan_may_have_a_belief_of_its_own_where_there_is_a_head() -> None:
    body = {
        "belief": {"agreement": 0.8, "score": 1.2, "doubt": -0.5},
        "early_stop": {"confidence": 0.8},
    }
    plan = search(body=body)
    assert plan.belief == Belief(0.8, 1.2, -0.5)
    assert isinstance(plan.stop_rule, ByConfidence)
    assert plan.stop_rule.belief == plan.belief
    assert search(body={}).belief == HEADED.belief
    with pytest.raises(InvalidRequest, match="leave it out") as refused:
        search(PLAIN, body={"belief": body["belief"]})
    assert refused.value.param == "arrol.belief"


def test_a_preset_takes_the_place_of_what_is_below_and_yields_to_what_is_above() -> None:
    tuned = HEADED.model_copy(
        update={"presets": {"mine": {"samples": 9, "early_stop": {"confidence": 0.7}}}}
    )
    plan = resolve(
        Selectors(alias={"preset": "mine", "vote": "rank"}, body={"samples": 12}),
        tuned.model_copy(update={"default": {"max_total_tokens": 50}}),
    )
    assert plan is not None
    assert (plan.preset, plan.samples, plan.vote, plan.max_total_tokens) == (
        "mine",
        12,
        "rank",
        None,
    )
    assert plan.stop_rule == ByConfidence(0.7, "rank", tuned.belief)


@pytest.mark.parametrize(
    ("below", "above"), [("confidence", "agreement"), ("agreement", "confidence")]
)
def test_another_way_to_stop_takes_the_place_of_the_presets(below: str, above: str) -> None:
    config = HEADED.model_copy(update={"presets": {"mine": {"early_stop": {below: 0.8}}}})
    plan = resolve(Selectors(body={"preset": "mine", "early_stop": {above: 0.9}}), config)
    assert plan is not None
    assert plan.stop_rule is not None
    assert plan.stop_rule.reason == above
