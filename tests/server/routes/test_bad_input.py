"""Every bad request: its status, its field, and a message that says what to do."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.server.conftest import Server

GOOD: dict[str, Any] = {"model": "arrol-tiny", "messages": [{"role": "user", "content": "2+2"}]}

BAD_ARROL = [
    ({"sampels": 4}, "arrol.sampels", "Did you mean 'samples'?"),
    ({"samples": 0}, "arrol.samples", "between 1 and"),
    ({"samples": 10**6}, "arrol.samples", "between 1 and"),
    ({"samples": "many"}, "arrol.samples", "integer"),
    ({"samples": True}, "arrol.samples", "integer"),
    ({"samples": 4, "budget": 5}, "arrol.budget", "give one"),
    ({"prune": {"keep": 0}}, "arrol.prune.keep", "(0, 1]"),
    ({"prune": {"keep": 2}}, "arrol.prune.keep", "(0, 1]"),
    ({"prune": {"probes": [9, 3]}}, "arrol.prune.probes", "rising order"),
    ({"prune": {"probes": []}}, "arrol.prune.probes", "rising order"),
    ({"prune": {"policy": "topfraction"}}, "arrol.prune.policy", "Did you mean 'top_fraction'?"),
    ({"prune": {"policy": ""}}, "arrol.prune.policy", "top_fraction"),
    ({"prune": {"policy": "never", "keep": 0.5}}, "arrol.prune.keep", "does not take"),
    ({"prune": {"min_survivors": 99}}, "arrol.prune.min_survivors", ""),
    ({"vote": "loudest"}, "arrol.vote", "uniform"),
    ({"scorer": "crystal ball"}, "arrol.scorer", "confidence"),
    ({"min_samples": 2}, "arrol.min_samples", "early_stop"),
    ({"early_stop": {"agreement": 0.1}}, "arrol.early_stop.agreement", ""),
    ({"answer": {"extract": "regex"}}, "arrol.answer.regex", ""),
    ({"answer": {"extract": "regex", "regex": "("}}, "arrol.answer.regex", "compile"),
    ({"answer": {"extract": "regex", "regex": "(?=4)2"}}, "arrol.answer.regex", "look-around"),
    ({"answer": {"json_pointer": "/a"}}, "arrol.answer.json_pointer", ""),
    ({"deadline_s": -1}, "arrol.deadline_s", ""),
    ({"deadline_s": 10**9}, "arrol.deadline_s", ""),
    ({"max_total_tokens": 0}, "arrol.max_total_tokens", ""),
    ({"return": "everything"}, "arrol.return", ""),
    ({"stream": "progress"}, "arrol.stream", "stream"),
    ([1, 2], "arrol", "object"),
    ("16", "arrol", "object"),
]


def check(reply: httpx.Response, status: int, param: str | None) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    body = reply.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param
    assert isinstance(error["code"], str)
    assert error["message"]
    assert "Traceback" not in error["message"]
    return error


@pytest.mark.parametrize(("arrol", "param", "says"), BAD_ARROL, ids=[str(b[0]) for b in BAD_ARROL])
def test_bad_arrol_objects(server: Server, arrol: object, param: str, says: str) -> None:
    error = check(server.post(GOOD | {"arrol": arrol}), 400, param)
    assert says in error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 0, "arrol": {"samples": 2}}, "temperature"),
        ({"n": 5, "arrol": {"samples": 2}}, "n"),
        ({"use_beam_search": True, "arrol": {"samples": 2}}, "use_beam_search"),
        ({"min_samples": 1, "arrol": {"samples": 2}}, "min_samples"),
        ({"vllm_xargs": {"x": 10**30}}, "vllm_xargs"),
        ({"messages": "hello"}, "messages"),
        ({"vllm_xargs": {"arrol_smaples": 3}}, "vllm_xargs.arrol_smaples"),
        ({"top_k": 2**70}, "top_k"),
        ({"top_k": 2**70, "stream": True, "arrol": {"samples": 2}}, "top_k"),
        (
            {"repetition_detection": {"max_pattern_size": 2**70, "min_count": 2}},
            "repetition_detect",
        ),
    ],
)
def test_fields_that_cannot_take_effect(server: Server, fields: dict[str, Any], param: str) -> None:
    error = check_param_starts(server.post(GOOD | fields), param)
    assert error["type"] == "invalid_request_error"


def check_param_starts(reply: httpx.Response, param: str) -> dict[str, Any]:
    error: dict[str, Any] = reply.json()["error"]
    assert reply.status_code == 400, reply.text
    assert str(error["param"]).startswith(param), error
    return error


@pytest.mark.parametrize("value", [[], 3, "x"])
def test_types_that_vllm_does_not_check(server: Server, value: object) -> None:
    reply = server.post(GOOD | {"structured_outputs": value})
    assert reply.status_code == 400, reply.text
    assert "structured_outputs: Input should be" in reply.json()["error"]["message"]


def test_temperature_out_of_range(server: Server) -> None:
    assert server.post(GOOD | {"temperature": -1}).status_code == 400


def test_a_prompt_that_is_too_long(server: Server) -> None:
    body = GOOD | {"messages": [{"role": "user", "content": "1+" * 2000}], "arrol": {"samples": 4}}
    reply = server.post(body)
    assert reply.status_code == 400
    assert "512" in reply.json()["error"]["message"]


def test_an_unknown_header(server: Server) -> None:
    reply = server.post(GOOD, **{"X-Arrol-Smaples": "4"})
    assert reply.status_code == 400
    assert "samples" in reply.json()["error"]["message"]


def test_malformed_json(server: Server) -> None:
    assert "JSON" in check(server.post(b'{"model": '), 400, None)["message"]


def test_an_unknown_model(server: Server) -> None:
    error = check(server.post(GOOD | {"model": "gpt-17"}), 404, "model")
    assert error["code"] == "model_not_found"


def test_a_wrong_key(server: Server) -> None:
    reply = server.post(GOOD, authorization="Bearer wrong")
    error = check(reply, 401, None)
    assert error["code"] == "invalid_api_key"


def test_an_unknown_route_and_a_wrong_method(server: Server) -> None:
    headers = {"authorization": f"Bearer {server.key}"}
    check(httpx.get(f"{server.url}/v1/nothing", headers=headers), 404, None)
    check(httpx.delete(f"{server.url}/v1/models", headers=headers), 405, None)


def test_a_search_over_several_prompts_is_refused(server: Server) -> None:
    body = {"model": "arrol-tiny", "prompt": ["2+2", "3+3"], "arrol": {"samples": 2}}
    headers = {"authorization": f"Bearer {server.key}"}
    reply = httpx.post(f"{server.url}/v1/completions", json=body, headers=headers, timeout=60)
    check(reply, 400, "prompt")


PLAN = {"group": "g", "size": 1, "index": 7, "probes": ["x"], "policy": 3, "seed": 0}
PLAN |= {"min_survivors": 0, "max_total_tokens": "", "signals": 1, "prune_by": 0, "record": 2}
PLAN |= {"confidence_window": 0}


@pytest.mark.parametrize(
    ("route", "body"),
    [
        (
            "/inference/v1/generate",
            {"token_ids": [5, 6], "sampling_params": {"extra_args": {"arrol": PLAN}}},
        ),
    ],
)
def test_other_routes_cannot_plant_a_plan_in_the_engine(
    server: Server, route: str, body: dict[str, Any]
) -> None:
    headers = {"authorization": f"Bearer {server.key}"}
    body = {"model": "arrol-tiny"} | body
    reply = httpx.post(f"{server.url}{route}", json=body, headers=headers, timeout=60)
    assert reply.status_code == 400, reply.text
    assert "reserved" in reply.json()["error"]["message"]
    assert server.post(GOOD | {"max_tokens": 4}).status_code == 200
