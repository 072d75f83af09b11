"""Searches on /v1/messages, through Anthropic's client and as raw bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import Anthropic

from tests.server.conftest import Server

ASK: dict[str, Any] = {
    "model": "arrol-tiny",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "What is 12*3+5?"}],
}


@pytest.fixture
def claude(server: Server) -> Iterator[Anthropic]:
    with Anthropic(base_url=server.url, api_key=server.key, max_retries=0) as client:
        yield client


def create(client: Anthropic, extra: dict[str, Any] | None = None, **fields: Any) -> Any:
    return client.messages.create(**(ASK | fields), extra_body=extra or {})


def events(server: Server, body: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The stream as text, and its events."""
    headers = {"x-api-key": server.key}
    url = f"{server.url}/v1/messages"
    reply = httpx.post(url, json=ASK | body | {"stream": True}, headers=headers, timeout=60)
    assert reply.status_code == 200, reply.text
    lines = [line for line in reply.text.splitlines() if line.startswith("data: ")]
    return reply.text, [json.loads(line.removeprefix("data: ")) for line in lines]


def test_body_alias_and_headers_ask_for_a_search(claude: Anthropic) -> None:
    for fields, samples in (
        ({"extra": {"arrol": {"samples": 3}}}, 3),
        ({"model": "duo"}, 2),
        ({"model": "duo", "extra_headers": {"X-Arrol-Samples": "4"}}, 4),
    ):
        reply = create(claude, **fields)
        assert reply.arrol["samples"]["started"] == samples
        assert reply.model == fields.get("model", "arrol-tiny")
        assert "41" in reply.content[0].text
        assert (reply.stop_reason, reply.arrol["answer"]) == ("end_turn", "41")


def test_a_plain_message_stays_plain(claude: Anthropic) -> None:
    for reply in (create(claude), create(claude, {"arrol": False}, model="duo")):
        assert "arrol" not in reply.model_extra
        assert reply.usage.output_tokens < 60


def test_usage_is_the_change_of_the_engines_own_counter(server: Server, claude: Anthropic) -> None:
    server.wait_idle()
    before = server.metric("vllm:generation_tokens_total")
    reply = create(claude, {"arrol": {"samples": 16, "prune": {"keep": 0.25, "probes": [10]}}})
    assert reply.usage.output_tokens == server.metric("vllm:generation_tokens_total") - before
    assert reply.arrol["tokens"]["generated"] == reply.usage.output_tokens
    assert reply.arrol["tokens"]["prompt"] == reply.usage.input_tokens


def test_a_stream_ends_with_the_report_and_true_usage(claude: Anthropic) -> None:
    extra = {"arrol": {"samples": 6}}
    with claude.messages.stream(**ASK, extra_body=extra) as stream:
        seen: list[Any] = list(stream)
        message = stream.get_final_message()
    (last,) = [event for event in seen if event.type == "message_delta"]
    assert last.arrol["samples"]["started"] == 6
    assert last.arrol["tokens"]["generated"] == message.usage.output_tokens
    assert last.arrol["answer"] == "41"
    block: Any = message.content[0]
    assert "41" in block.text
    assert sum(event.type == "content_block_delta" for event in seen) > 20


def test_progress_and_keep_alives_disturb_nobody(server: Server, claude: Anthropic) -> None:
    body = {"arrol": {"samples": 32, "stream": "progress"}}
    assert ": keep-alive\n" in events(server, {"arrol": {"samples": 128}})[0]
    _, found = events(server, body)
    progress = [event["arrol"]["progress"] for event in found if event["type"] == "ping"]
    assert progress[-1]["running"] == 0
    assert found[-1]["type"] == "message_stop"
    with claude.messages.stream(**ASK, extra_body=body) as stream:
        assert "41" in stream.get_final_text()


def test_a_late_failure_is_the_routes_own_error_event(server: Server, claude: Anthropic) -> None:
    body = {"arrol": {"samples": 64, "deadline_s": 0.1}}
    *_, last = events(server, body)[1]
    assert last["type"] == "error"
    assert last["error"]["type"] == "timeout_error"
    assert last["error"]["param"] == "arrol.deadline_s"
    with (
        pytest.raises(anthropic.APIStatusError, match="deadline"),
        claude.messages.stream(**ASK, extra_body=body) as stream,
    ):
        stream.until_done()
    server.wait_idle()


def test_who_leaves_ends_the_search(server: Server) -> None:
    body = ASK | {"max_tokens": 480, "arrol": {"samples": 128}}
    headers = {"x-api-key": server.key}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/v1/messages", json=body, headers=headers, timeout=0.3)
    url = f"{server.url}/v1/messages"
    with httpx.stream("POST", url, json=body | {"stream": True}, headers=headers) as reply:
        next(reply.iter_lines())
    server.wait_idle(20)


@pytest.mark.parametrize(
    ("extra", "fields", "status", "kind", "param"),
    [
        ({"arrol": {"sampels": 2}}, {}, 400, "invalid_request_error", "arrol.sampels"),
        ({"temperature": 0}, {}, 400, "invalid_request_error", "temperature"),
        ({"samples": 4}, {}, 400, "invalid_request_error", "samples"),
        ({"kv_transfer_params": {"a": 1}}, {}, 400, "invalid_request_error", "kv_transfer_params"),
        ({"top_p": "x"}, {}, 400, "invalid_request_error", "top_p"),
        ({}, {"model": "gpt-17"}, 404, "not_found_error", "model"),
        (
            {"arrol": {"samples": 64, "deadline_s": 0.1}},
            {},
            504,
            "timeout_error",
            "arrol.deadline_s",
        ),
    ],
)
def test_errors_have_the_routes_own_shape(
    claude: Anthropic,
    extra: dict[str, Any],
    fields: dict[str, Any],
    status: int,
    kind: str,
    param: str,
) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        create(claude, extra, **({"model": "duo"} | fields))
    body: Any = caught.value.body
    assert (caught.value.status_code, body["type"]) == (status, "error")
    assert (body["error"]["type"], body["error"]["param"]) == (kind, param)


def test_a_wrong_key_is_said_in_the_same_shape(server: Server) -> None:
    with (
        Anthropic(base_url=server.url, api_key="wrong", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError) as caught,
    ):
        create(client)
    body: Any = caught.value.body
    assert body["error"]["type"] == "authentication_error"


def test_tools_may_be_offered(claude: Anthropic) -> None:
    tool: Any = {"name": "add", "input_schema": {"type": "object", "properties": {}}}
    reply = create(claude, {"arrol": {"samples": 4}}, tools=[tool])
    assert reply.arrol["samples"]["started"] == 4
    assert "41" in reply.content[0].text
