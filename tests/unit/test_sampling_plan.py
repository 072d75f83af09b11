"""What a request says, and what it may not say."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arrol_serve.belief import Belief
from arrol_serve.config import ServerConfig, load_config
from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan import (
    SearchPlan,
    Selectors,
    check_defaults,
    check_sampling,
    resolve,
)
from arrol_serve.sampling_plan.options import flat_places
from arrol_serve.search.course import Waves
from arrol_serve.search.stop import ByAgreement, ByConfidence

PLAIN = ServerConfig()
HEADED = ServerConfig(head="heads/x", head_id="x-v1", probes=(24, 48))


def search(config: ServerConfig = HEADED, **selectors: Any) -> SearchPlan:
    plan = resolve(Selectors(**selectors), config)
    assert plan is not None
    return plan


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"sampels": 4}, "arrol.sampels", "Did you mean 'samples'?"),
        ({"prune": {"kep": 0.5}}, "arrol.prune.kep", "Did you mean 'keep'?"),
        ({"answer": {"regx": "x"}}, "arrol.answer.regx", "Did you mean 'regex'?"),
        ({"early_stop": {"agree": 0.9}}, "arrol.early_stop.agree", "Known: confidence"),
        ({"samples": 0}, "arrol.samples", "between 1 and 256"),
        ({"samples": -3}, "arrol.samples", "between 1 and 256"),
        ({"samples": 10**6}, "arrol.samples", "between 1 and 256"),
        ({"samples": 10**400}, "arrol.samples", "between 1 and 256"),
        ({"samples": True}, "arrol.samples", "valid integer"),
        ({"samples": "16"}, "arrol.samples", "valid integer"),
        ({"samples": 16.0}, "arrol.samples", "valid integer"),
        ({"samples": 4, "budget": 5}, "arrol.budget", "give one"),
        ({"min_samples": 4}, "arrol.min_samples", "early_stop"),
        ({"samples": 4, "min_samples": 4, "early_stop": {}}, "arrol.min_samples", "less than"),
        ({"samples": 4, "min_samples": 0, "early_stop": {}}, "arrol.min_samples", "at least 1"),
        ({"samples": 4, "wave_samples": 9, "early_stop": {}}, "arrol.wave_samples", "less than"),
        ({"wave_samples": 4}, "arrol.wave_samples", "early_stop"),
        ({"samples": 1, "early_stop": {}}, "arrol.samples", "at least 2"),
        (
            {"early_stop": {"confidence": 0.9, "agreement": 0.9}},
            "arrol.early_stop.agreement",
            "give one",
        ),
        ({"early_stop": {"confidence": 1}}, "arrol.early_stop.confidence", "less than 1"),
        ({"belief": {"rivals": 0, "temperature": 1}}, "arrol.belief.rivals", "greater than 0"),
        ({"belief": {"rivals": 1}}, "arrol.belief.temperature", "required"),
        ({"belief": {"rivals": 1, "temprature": 1}}, "arrol.belief.temperature", "required"),
        ({"preset": "fats"}, "arrol.preset", "Did you mean 'fast'"),
        ({"preset": 1}, "arrol.preset", "Known: fast, balanced, best"),
        ({"early_stop": {"agreement": 0.5}}, "arrol.early_stop.agreement", "greater than 0.5"),
        ({"early_stop": {"agreement": 1.1}}, "arrol.early_stop.agreement", "less than or equal"),
        ({"early_stop": {"agreement": float("nan")}}, "arrol.early_stop.agreement", "finite"),
        ({"early_stop": True}, "arrol.early_stop", "valid dictionary"),
        ({"prune": {"keep": 0}}, "arrol.prune.keep", "(0, 1]"),
        ({"prune": {"keep": 2}}, "arrol.prune.keep", "(0, 1]"),
        ({"prune": {"keep": True}}, "arrol.prune.keep", "valid number"),
        ({"prune": {"keep": float("inf")}}, "arrol.prune.keep", "finite"),
        ({"prune": {"policy": "top_fracton"}}, "arrol.prune.policy", "'top_fraction'"),
        ({"prune": {"policy": "never", "keep": 0.5}}, "arrol.prune.keep", "does not take"),
        ({"prune": {"keep": 0.5, "threshold": 0.4}}, "arrol.prune.keep", "does not take"),
        (
            {"prune": {"policy": "top_fraction", "threshold": 0.4}},
            "arrol.prune.threshold",
            "does not take",
        ),
        ({"prune": {"policy": "threshold"}}, "arrol.prune.threshold", "needs"),
        ({"prune": {"policy": "both_ends"}}, "arrol.prune.policy", "on purpose"),
        ({"prune": {"threshold": 1.5}}, "arrol.prune.threshold", "(0, 1]"),
        ({"prune": {"probes": []}}, "arrol.prune.probes", "rising order"),
        ({"prune": {"probes": [48, 24]}}, "arrol.prune.probes", "rising order"),
        ({"prune": {"probes": [0]}}, "arrol.prune.probes", "rising order"),
        ({"prune": {"probes": list(range(1, 18))}}, "arrol.prune.probes", "1 to 16"),
        ({"prune": {"probes": 24}}, "arrol.prune.probes", "valid list"),
        ({"prune": {"probes": [24, "x"]}}, "arrol.prune.probes.1", "valid integer"),
        ({"samples": 4, "prune": {"min_survivors": 5}}, "arrol.prune.min_survivors", "1 and"),
        ({"samples": 4, "prune": {"min_survivors": 4}}, "arrol.prune.min_survivors", "nobody"),
        ({"samples": 1, "vote": "best", "prune": {}}, "arrol.prune", "nothing to choose"),
        ({"samples": 1, "prune": {"threshold": 0.3}}, "arrol.prune", "nothing to choose"),
        ({"prune": {"keep": 1}}, "arrol.prune.keep", "at most 0.9375"),
        ({"prune": {"keep": 0.94}}, "arrol.prune.keep", "prunes nobody"),
        ({"samples": 2, "prune": {"policy": "random", "keep": 0.6}}, "arrol.prune.keep", "0.5"),
        ({"prune": {"probes": [10**30]}}, "arrol.prune.probes.0", "less than or equal"),
        ({"max_total_tokens": 10**30}, "arrol.max_total_tokens", "less than or equal"),
        ({"zero_temperature": 0}, "arrol.zero_temperature", "greater than 0"),
        ({"vote": "majority"}, "arrol.vote", "'uniform'"),
        ({"scorer": "prm"}, "arrol.scorer", "'head' or 'confidence'"),
        (
            {"scorer": "confidence", "prune": {"threshold": 0.3}},
            "arrol.prune.policy",
            "calibrated probabilities",
        ),
        (
            {"prune": {"policy": "confidence_floor", "threshold": 7}},
            "arrol.prune.policy",
            '"scorer": "confidence"',
        ),
        ({"answer": {"extract": "regex"}}, "arrol.answer.regex", "together"),
        ({"answer": {"regex": "x"}}, "arrol.answer.regex", "together"),
        ({"answer": {"extract": "regex", "regex": "("}}, "arrol.answer.regex", "compile"),
        ({"answer": {"json_pointer": "/a"}}, "arrol.answer.json_pointer", "json"),
        ({"deadline_s": 0}, "arrol.deadline_s", "0.1"),
        ({"deadline_s": 1e9}, "arrol.deadline_s", "at most 3600"),
        ({"deadline_s": float("nan")}, "arrol.deadline_s", "finite"),
        ({"max_total_tokens": 0}, "arrol.max_total_tokens", "greater than or equal to 1"),
        ({"return": "all"}, "arrol.return", "'candidates'"),
        ({"returns": "none"}, "arrol.returns", "Did you mean 'return'?"),
        ({"stream": "live"}, "arrol.stream", "'progress'"),
        ([], "arrol", "object"),
        ("16", "arrol", "object"),
        (16, "arrol", "object"),
    ],
)
def test_a_bad_body_is_refused_by_name(body: Any, param: str, says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        resolve(Selectors(body=body), HEADED)
    assert caught.value.param == param
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("headers", "param"),
    [
        ({"X-Arrol-Sampels": "4"}, "X-Arrol-sampels"),
        ({"x-arrol-prune": "{}"}, "X-Arrol-prune"),
        ({"X-Arrol-Samples": "many"}, "X-Arrol-Samples"),
        ({"X-Arrol-Samples": "16, 16"}, "X-Arrol-Samples"),
        ({"X-Arrol-Samples": "1e1"}, "X-Arrol-Samples"),
        ({"X-Arrol-Samples": "9" * 30}, "X-Arrol-Samples"),
        ({"X-Arrol-Samples": "0"}, "X-Arrol-Samples"),
        ({"X-Arrol-Keep": "nan"}, "X-Arrol-Keep"),
        ({"X-Arrol-Probes": "24;48"}, "X-Arrol-Probes"),
        ({"x-arrol-min-survivors": "99", "x-arrol-keep": "0.5"}, "X-Arrol-Min-Survivors"),
    ],
)
def test_a_bad_header_is_refused_by_name(headers: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        resolve(Selectors(headers=headers), HEADED)
    assert caught.value.param == param
    assert caught.value.message.startswith((param, f"Unknown selector {param}"))


def test_the_one_who_said_it_is_blamed() -> None:
    """The strongest layer that names the key; what an alias says is called as the body would."""
    for selectors, param in (
        (Selectors(xargs={"arrol_samples": 0}), "vllm_xargs.arrol_samples"),
        (Selectors(xargs={"arrol_samples": 0}, headers={"x-arrol-vote": "rank"}), "vllm_xargs."),
        (Selectors(alias={"samples": 0}), "arrol.samples"),
        (Selectors(body={"samples": 0}, alias={"samples": 4}), "arrol.samples"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            resolve(selectors, HEADED)
        assert (caught.value.param or "").startswith(param)


def test_text_is_shown_as_text() -> None:
    with pytest.raises(InvalidRequest, match='got "16"'):
        resolve(Selectors(body={"samples": "16"}), HEADED)


def test_an_unknown_xarg_of_ours_is_refused_and_others_are_not_ours() -> None:
    with pytest.raises(InvalidRequest, match="Did you mean 'samples'"):
        resolve(Selectors(xargs={"arrol_sample": 4}), HEADED)
    assert resolve(Selectors(xargs={"session_id": "x"}), HEADED) is None


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


def test_probes_default_to_those_of_the_head() -> None:
    plan = search(body={"prune": {}})
    assert plan.prune is not None
    assert plan.prune.probes == (24, 48)
    assert plan.prune.policy == {"name": "top_fraction", "keep": 0.5}
    assert plan.prune.min_survivors == 1


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


def test_early_stop_believes_the_head_where_there_is_one() -> None:
    rule = search(body={"early_stop": {}}).stop_rule
    assert rule == ByConfidence(0.9, "quality", HEADED.belief)
    plain = resolve(Selectors(body={"early_stop": {}}), PLAIN)
    assert plan_rule(plain) == ByAgreement(0.95, "quality")
    with pytest.raises(InvalidRequest, match="only a quality head can tell"):
        resolve(Selectors(body={"early_stop": {"confidence": 0.9}}), PLAIN)


def plan_rule(plan: SearchPlan | None) -> object:
    assert plan is not None
    return plan.stop_rule


def test_a_plan_may_have_a_belief_of_its_own_where_there_is_a_head() -> None:
    body = {"belief": {"rivals": 2.5, "temperature": 1.2}, "early_stop": {"confidence": 0.8}}
    plan = search(body=body)
    assert plan.belief == Belief(2.5, 1.2)
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


def test_every_model_has_presets() -> None:
    small = HEADED.model_copy(update={"max_samples": 3, "aliases": {}})
    by_confidence = HEADED.model_copy(update={"scorer": "confidence"})
    for config in (HEADED, PLAIN, small, by_confidence):
        check_defaults(config)
    assert PLAIN.model_copy(update={"max_samples": 1}).presets_in_force() == {}
    for config in (HEADED, PLAIN):
        aliases = config.aliases_of("m")
        assert {"m-fast", "m-balanced", "m-best"} <= aliases.keys()
        for body in aliases.values():
            assert resolve(Selectors(alias=body), config) is not None


@pytest.mark.parametrize(
    ("n", "temperature", "top_k", "param"),
    [
        (5, 1.0, None, "n"),
        (1, 0.0, None, "temperature"),
        (1, 0, 0, "temperature"),
        (1, 1, 1, "top_k"),
    ],
)
def test_standard_fields_that_a_search_cannot_honour(
    n: int, temperature: float, top_k: int | None, param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_sampling(
            search(body={"samples": 4}), n=n, temperature=temperature, top_k=top_k, model="tiny"
        )
    assert caught.value.param == param
    assert param == "n" or "model name tiny" in caught.value.message


def test_one_sample_may_be_greedy() -> None:
    plan = search(body={"samples": 1, "vote": "uniform"})
    check_sampling(plan, n=1, temperature=0.0, top_k=1, model="tiny")


def test_the_largest_share_that_still_prunes_is_taken() -> None:
    plan = search(body={"prune": {"keep": 0.9375, "min_survivors": 15}})
    assert plan.prune is not None
    assert search(body={"samples": 1, "prune": {"policy": "never"}, "vote": "best"}).samples == 1


def test_aliases_are_named_after_the_served_model() -> None:
    aliases = PLAIN.aliases_of("qwen3-8b")
    assert aliases["qwen3-8b-vote16"]["samples"] == 16
    assert aliases["qwen3-8b-prune16"]["prune"] == {"keep": 0.5}
    check_defaults(PLAIN)
    check_defaults(HEADED)


def test_a_broken_alias_or_default_is_refused_at_start() -> None:
    with pytest.raises(InvalidRequest, match=r"bad: arrol\.samples"):
        check_defaults(ServerConfig(aliases={"bad": {"samples": 0}}))
    with pytest.raises(InvalidRequest, match="the server default: Unknown key"):
        check_defaults(ServerConfig(default={"sampels": 2}))


def test_config_file(tmp_path: Path) -> None:
    file = tmp_path / "arrol.toml"
    file.write_text("max_samples = 8\n[default]\nsamples = 4\n[aliases]\nfast = {samples = 2}\n")
    config = load_config(file, keep_alive_s=3.0, scorer=None)
    assert (config.max_samples, config.keep_alive_s, config.scorer) == (8, 3.0, None)
    assert config.default == {"samples": 4}
    assert config.aliases == {"fast": {"samples": 2}}


@pytest.mark.parametrize(
    ("text", "says"),
    [("max_sampels = 8", "Known keys"), ("max_samples = ", "not valid TOML")],
)
def test_a_bad_config_file(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "arrol.toml"
    file.write_text(text)
    with pytest.raises(InvalidRequest, match=says):
        load_config(file)
    with pytest.raises(InvalidRequest, match="Cannot read"):
        load_config(tmp_path / "missing.toml")


KEYS = [*flat_places(), "prune", "early_stop", "answer", "belief"]
WORDS = ["top_fraction", "never", "random", "threshold", "quality", "head", "regex", "json", "tool"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=8)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), VALUES, max_size=6)


@settings(max_examples=400, deadline=None)
@given(body=OBJECTS, alias=OBJECTS | st.none(), headed=st.booleans())
def test_any_object_resolves_or_is_refused(
    body: dict[str, Any], alias: dict[str, Any] | None, headed: bool
) -> None:
    try:
        plan = resolve(Selectors(body=body, alias=alias), HEADED if headed else PLAIN)
    except InvalidRequest as error:
        refused = error.param
    else:
        refused = "arrol"
        assert plan is None or 1 <= plan.waves.first <= plan.samples <= 256
    assert refused is not None
    assert refused.startswith("arrol")


@settings(max_examples=200, deadline=None)
@given(
    values=st.dictionaries(
        st.sampled_from([f"arrol_{key}" for key in KEYS]), LEAVES | st.lists(LEAVES), max_size=4
    )
)
def test_any_flat_value_resolves_or_is_refused(values: dict[str, Any]) -> None:
    texts = {k.replace("arrol_", "X-Arrol-"): str(v) for k, v in values.items()}
    for selectors in (Selectors(xargs=values), Selectors(headers=texts)):
        with suppress(InvalidRequest):
            resolve(selectors, HEADED)
