"""Searches on /v1/responses, through the official client and as raw bytes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from arrol_serve.bundled import MODEL
from tests.server.conftest import Server

ASK: dict[str, Any] = {"model": "arrol-tiny", "input": "What is 12*3+5?"}
TOOL: dict[str, Any] = {
    "type": "function",
    "name": "add",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"carry": {"type": "boolean"}},
        "required": ["carry"],
        "additionalProperties": False,
    },
}


def create(client: OpenAI, arrol: object = None, **fields: Any) -> Any:
    extra = {"seed": 1} | ({} if arrol is None else {"arrol": arrol})
    return client.responses.create(**(ASK | fields), extra_body=extra)


def events(server: Server, body: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The stream as text, and its events."""
    headers = {"authorization": f"Bearer {server.key}"}
    url = f"{server.url}/v1/responses"
    reply = httpx.post(url, json=ASK | body | {"stream": True}, headers=headers, timeout=60)
    assert reply.status_code == 200, reply.text
    lines = [line for line in reply.text.splitlines() if line.startswith("data: ")]
    return reply.text, [json.loads(line.removeprefix("data: ")) for line in lines]


def test_body_alias_and_headers_ask_for_a_search(client: OpenAI) -> None:
    for fields, samples in (
        ({"arrol": {"samples": 3}}, 3),
        ({"model": "duo"}, 2),
        ({"model": "duo", "extra_headers": {"X-Arrol-Samples": "4"}}, 4),
    ):
        reply = create(client, **fields)
        assert reply.arrol["samples"]["started"] == samples
        assert reply.model == fields.get("model", "arrol-tiny")
        assert "41" in reply.output_text
        assert (reply.status, reply.arrol["answer"]) == ("completed", "41")


def test_a_plain_response_stays_plain(client: OpenAI) -> None:
    for reply in (create(client), create(client, False, model="duo")):
        assert "arrol" not in reply.model_extra
        assert reply.usage.output_tokens < 60


def test_usage_is_the_change_of_the_engines_own_counter(server: Server, client: OpenAI) -> None:
    server.wait_idle()
    before = server.metric("vllm:generation_tokens_total")
    reply = create(client, {"samples": 16, "prune": {"keep": 0.25, "probes": [10]}})
    assert reply.usage.output_tokens == server.metric("vllm:generation_tokens_total") - before
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens
    assert reply.arrol["tokens"]["generated"] == reply.usage.output_tokens


def test_a_stream_gives_what_the_whole_response_gives(client: OpenAI) -> None:
    whole = create(client, {"samples": 6})
    extra = {"seed": 1, "arrol": {"samples": 6}}
    with client.responses.stream(**ASK, extra_body=extra) as stream:
        seen = list(stream)
        last = stream.get_final_response()
    assert last.output_text == whole.output_text
    assert last.usage == whole.usage
    assert last.arrol | {"latency_ms": None} == whole.arrol | {"latency_ms": None}
    assert sum(event.type == "response.output_text.delta" for event in seen) > 20


def test_events_are_numbered_progress_among_them(server: Server) -> None:
    _, found = events(server, {"arrol": {"samples": 32, "stream": "progress"}})
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    progress = [event["arrol"]["progress"] for event in found if "arrol" in event]
    assert progress[-1]["running"] == 0
    assert found[-1]["type"] == "response.completed"


def test_keep_alives_come_while_the_search_is_silent(server: Server) -> None:
    text, found = events(server, {"arrol": {"samples": 128}})
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert ": keep-alive\nevent: " in text or ": keep-alive\n: keep-alive\n" in text


def test_a_late_failure_is_the_routes_own_error_event(server: Server) -> None:
    for body in ({"samples": 64, "deadline_s": 0.1}, {"samples": 256, "deadline_s": 0.1}):
        found = events(server, {"arrol": body})[1]
        assert found[-1]["type"] == "error"
        assert (found[-1]["code"], found[-1]["param"]) == ("deadline_exceeded", "arrol.deadline_s")
    server.wait_idle()


def test_who_leaves_ends_the_search(server: Server) -> None:
    body = ASK | {"arrol": {"samples": 128}, "ignore_eos": True}
    headers = {"authorization": f"Bearer {server.key}"}
    url = f"{server.url}/v1/responses"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json=body, headers=headers, timeout=0.3)
    with httpx.stream("POST", url, json=body | {"stream": True}, headers=headers) as reply:
        next(reply.iter_lines())
    server.wait_idle(20)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"background": True}, "background"),
        ({"tools": [{"type": "web_search_preview"}]}, "tools"),
        ({"tools": [TOOL, {"type": "code_interpreter", "container": {"type": "auto"}}]}, "tools"),
        ({"arrol": {"sampels": 2}}, "arrol.sampels"),
        ({"arrol": {"prune": {"probes": [30]}}, "max_output_tokens": 30}, "arrol.prune.probes"),
        ({"temperature": 0}, "temperature"),
        ({"model": "gpt-17"}, "model"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    client: OpenAI, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        create(client, **({"model": "duo"} | fields))
    assert caught.value.status_code == (404 if param == "model" else 400)
    assert caught.value.param == param


def test_a_plain_background_response_is_left_to_vllm(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="VLLM_ENABLE_RESPONSES_API_STORE"):
        create(client, background=True)


def test_a_forced_tool_call_is_voted_on(server: Server) -> None:
    choice: Any = {"type": "function", "name": "add"}
    vocabulary = json.loads((MODEL / "tokenizer.json").read_text())["model"]["vocab"]
    # As in test_search: this model, which knows no JSON, would write blanks without end.
    bias = {str(vocabulary[blank]): -100 for blank in "ĉĊčĠ"}
    fields = {"tools": [TOOL], "tool_choice": choice, "max_output_tokens": 120, "logit_bias": bias}
    body = ASK | fields | {"arrol": {"samples": 6, "answer": {"extract": "json"}}}
    headers = {"authorization": f"Bearer {server.key}"}
    sent = httpx.post(f"{server.url}/v1/responses", json=body, headers=headers, timeout=60)
    reply = openai.types.responses.Response.model_validate(sent.json())
    (call,) = [item for item in reply.output if item.type == "function_call"]
    assert call.name == "add"
    voted = json.loads(sent.json()["arrol"]["answer"])
    assert voted == {"name": "add", "arguments": json.loads(call.arguments)}
