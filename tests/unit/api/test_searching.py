"""What a request becomes for vLLM, and what is made of the reply."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from arrol_serve.api.selection import build_state
from tests.unit.api.searches import HEADED
from tests.unit.api.stand_in import ASK, ask, make_app, send


def test_a_plain_request_reaches_vllm_as_it_came() -> None:
    app = make_app()
    response = asyncio.run(ask(app, {"vllm_xargs": {"other": 1}}))
    (request,) = app.state.openai_serving_chat.requests
    assert (request.model, request.vllm_xargs) == ("tiny", {"other": 1})
    assert app.state.openai_serving_chat.admitted == []
    body = response.json()
    assert "arrol" not in body
    assert body["usage"]["completion_tokens"] == 30
    assert "reasoning_content" not in body["choices"][0]["message"]


def test_a_search_answers_with_its_report_true_usage_and_headers() -> None:
    app = make_app()
    response = asyncio.run(ask(app, {"arrol": {"samples": 4}, "vllm_xargs": {"other": 1}}))
    body = response.json()
    assert response.status_code == 200
    assert body["arrol"]["answer"] == "1/2"
    assert body["usage"]["completion_tokens"] == 100
    assert body["choices"][0]["message"]["reasoning_content"] == "half"
    assert response.headers["x-arrol-generated-tokens"] == "100"
    assert app.state.openai_serving_chat.admitted == [4]
    (request,) = app.state.openai_serving_chat.requests
    assert set(request.vllm_xargs) == {"other"}


def test_an_alias_is_answered_under_its_own_name() -> None:
    app = make_app()
    response = asyncio.run(ask(app, {"model": "tiny-vote16"}))
    assert response.json()["model"] == "tiny-vote16"
    assert app.state.openai_serving_chat.requests[0].model == "tiny"
    assert app.state.openai_serving_chat.admitted == [16]


def test_a_header_alone_asks_for_a_search() -> None:
    response = asyncio.run(ask(make_app(), {}, **{"X-Arrol-Samples": "4"}))
    assert response.json()["arrol"]["applied"] is True


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"arrol": {"samples": 4}, "temperature": 0}, "temperature"),
        ({"arrol": {"samples": 4}, "n": 5}, "n"),
        ({"arrol": {"samples": 4}, "n": 0}, "n"),
        ({"arrol": {"samples": 4}, "use_beam_search": True}, "use_beam_search"),
        ({"arrol": {"samples": 4}, "best_of": 4}, "best_of"),
        ({"arrol": {"samples": 4}, "echo": True}, "echo"),
        ({"arrol": {"samples": 4}, "prompt_logprobs": 1}, "prompt_logprobs"),
        ({"arrol": {"samples": 4}, "prompt_logprobs": 0}, "prompt_logprobs"),
        ({"arrol": {"samples": 4}, "top_k": 1}, "top_k"),
        ({"arrol": {"samples": 4}, "samples": 8}, "samples"),
        ({"arrol": {"samples": 4}, "arol": {"samples": 8}}, "arol"),
        ({"arol": {"samples": 8}}, "arol"),
        ({"ARROL": {"samples": 8}}, "ARROL"),
        ({"arrol_samples": 8}, "arrol_samples"),
        ({"X-Arrol-Samples": 8}, "X-Arrol-Samples"),
        ({"arrol" + 1000 * "_": {"samples": 8}}, "arrol" + 75 * "_" + "..."),
        ({"arrol": {"samples": 4, "prune": {"probes": [24, 512]}}}, "arrol.prune.probes"),
        (
            {"arrol": {"samples": 4, "prune": {"probes": [9]}}, "max_tokens": 9},
            "arrol.prune.probes",
        ),
        ({"arrol": {"samples": 4}, "kv_transfer_params": {"a": 1}}, "kv_transfer_params"),
        ({"arrol": {"samples": 4, "stream": "progress"}}, "arrol.stream"),
        ({"arrol": {"sampels": 4}}, "arrol.sampels"),
        ({"arrol": "yes"}, "arrol"),
        ({"vllm_xargs": {"arrol": "x"}}, "vllm_xargs.arrol"),
        ({"vllm_xargs": {"arrol_ticket": "x"}}, "vllm_xargs.arrol_ticket"),
        ({"messages": "hi"}, "messages"),
    ],
)
def test_what_a_search_cannot_do_is_refused(body: dict[str, Any], param: str) -> None:
    app = make_app()
    response = asyncio.run(ask(app, body))
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
    assert app.state.openai_serving_chat.requests == []


@pytest.mark.parametrize(
    "fields",
    [
        {"verbosity": "low", "thinking": {"type": "enabled"}, "enable_thinking": True},
        {"prediction": {"type": "content", "content": "x"}, "modalities": ["text"]},
        {"prompt_cache_retention": "24h", "functions": [], "never_heard_of": None, "samples": None},
        {"use_beam_search": False, "echo": False, "suffix": "", "prompt_logprobs": None},
    ],
)
def test_what_vllm_ignores_in_a_plain_request_it_ignores_in_a_search(
    fields: dict[str, Any],
) -> None:
    response = asyncio.run(ask(make_app(), {"model": "tiny-vote16"} | fields))
    assert response.json()["arrol"]["applied"] is True


def test_probes_of_the_server_that_nobody_reaches_are_said() -> None:
    found = asyncio.run(ask(make_app(), {"model": "tiny-prune16", "max_tokens": 24})).json()
    assert found["arrol"]["note"].startswith("Nothing was pruned: a candidate has at most 24")
    found = asyncio.run(ask(make_app(), {"model": "tiny-prune16", "max_tokens": 25})).json()
    assert "note" not in found["arrol"]


def test_an_alias_may_say_what_temperature_0_becomes() -> None:
    app = make_app()
    found = asyncio.run(ask(app, {"model": "tiny-vote16", "temperature": 0})).json()
    assert found["arrol"]["temperature"] == app.state.openai_serving_chat.requests[0].temperature
    assert found["arrol"]["temperature"] == 0.7
    found = asyncio.run(ask(app, {"model": "tiny-vote16", "temperature": 0.2})).json()
    assert "temperature" not in found["arrol"]
    assert app.state.openai_serving_chat.requests[1].temperature == 0.2


def test_who_chooses_an_id_could_replace_what_is_kept_for_others() -> None:
    app = make_app()
    app.state.openai_serving_chat.enable_store = True  # as vLLM's for responses may
    for fields, status in (({"request_id": "mine"}, 400), ({}, 200)):
        assert asyncio.run(ask(app, fields)).status_code == status
    app.state.openai_serving_chat.enable_store = False
    assert asyncio.run(ask(app, {"request_id": "mine"})).status_code == 200


@pytest.mark.parametrize("key", ["samples", "model", "role"])
def test_a_key_that_stands_twice_is_refused(key: str) -> None:
    body = json.dumps(ASK | {"arrol": {"samples": 4}}).replace(f'"{key}":', f'"{key}": 1, "{key}":')
    app = make_app()
    response = asyncio.run(send(app, body.encode()))
    assert response.status_code == 400
    assert response.json()["error"]["param"] == key
    assert "twice" in response.json()["error"]["message"]


def test_an_empty_body_is_called_empty() -> None:
    error = asyncio.run(send(make_app(), b"")).json()["error"]
    assert "body is empty" in error["message"]


def test_messages_do_not_repeat_what_is_huge() -> None:
    response = asyncio.run(ask(make_app(), {"logit_bias": {f"k{i}": "x" for i in range(100_000)}}))
    assert response.status_code == 400
    assert len(response.content) < 4000


def test_aliases_of_an_adapter_that_was_unloaded_are_not_listed() -> None:
    async def listed() -> set[str]:
        app = make_app()
        app.state.arrol = build_state(HEADED, ("tiny",), ("gone",))
        assert "gone-vote16" in app.state.arrol.aliases
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return {card["id"] for card in (await client.get("/v1/models")).json()["data"]}

    assert "tiny-vote16" in asyncio.run(listed())
    assert not any(name.startswith("gone") for name in asyncio.run(listed()))


def test_models_lists_aliases_under_the_model_they_stand_for() -> None:
    async def fetch() -> tuple[Any, Any, Any]:
        transport = httpx.ASGITransport(make_app())
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            names = ("", "/tiny-vote16", "/nothing")
            return tuple([(await client.get(f"/v1/models{name}")) for name in names])  # type: ignore[return-value]

    listed, one, missing = asyncio.run(fetch())
    assert [card["id"] for card in listed.json()["data"]] == [
        "tiny",
        "tiny-fast",
        "tiny-balanced",
        "tiny-best",
        "tiny-vote16",
        "tiny-prune16",
    ]
    card = one.json()
    assert (card["root"], card["parent"], card["max_model_len"]) == ("tiny", "tiny", 512)
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"
