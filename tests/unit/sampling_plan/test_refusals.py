"""What a request may not say, and who is blamed for it."""

from __future__ import annotations

from typing import Any

import pytest

from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan import Selectors, check_sampling, resolve
from tests.unit.sampling_plan.plans import HEADED, search


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
        ({"wave_growth": 0.5}, "arrol.wave_growth", "early_stop"),
        ({"wave_growth": -1, "early_stop": {}}, "arrol.wave_growth", "greater than or equal to 0"),
        ({"wave_growth": 5, "early_stop": {}}, "arrol.wave_growth", "less than or equal to 4"),
        ({"samples": 1, "early_stop": {}}, "arrol.samples", "at least 2"),
        (
            {"early_stop": {"confidence": 0.9, "agreement": 0.9}},
            "arrol.early_stop.agreement",
            "give one",
        ),
        ({"early_stop": {"confidence": 1}}, "arrol.early_stop.confidence", "less than 1"),
        ({"scorer": "none", "vote": "quality"}, "arrol.vote", '"uniform"'),
        ({"scorer": "none", "prune": {"keep": 0.5}}, "arrol.prune", "nothing is pruned"),
        ({"scorer": "none", "prune": {"policy": "random"}}, "arrol.prune", "nothing is pruned"),
        (
            {"scorer": "none", "early_stop": {"confidence": 0.9}},
            "arrol.early_stop.confidence",
            "agreement",
        ),
        (
            {"scorer": "none", "belief": {"agreement": 1, "score": 1, "doubt": 0}},
            "arrol.belief",
            "scorer is none",
        ),
        (
            {"belief": {"agreement": -1, "score": 1, "doubt": 0}},
            "arrol.belief.agreement",
            "greater than or equal to 0",
        ),
        ({"belief": {"agreement": 1, "score": 1}}, "arrol.belief.doubt", "required"),
        ({"belief": {"agreement": 1, "score": 1, "dubt": 1}}, "arrol.belief.doubt", "required"),
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
        ({"scorer": "prm"}, "arrol.scorer", "'head', 'confidence' or 'none'"),
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
