"""What all four routes refuse alike, each in its own error shape."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.server.conftest import Server

SEARCH = {"arrol": {"samples": 3}}
QUESTION = "What is 12*3+5?"
MESSAGES = [{"role": "user", "content": QUESTION}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES, "max_tokens": 60},
    "/v1/completions": {"prompt": QUESTION, "max_tokens": 60},
    "/v1/responses": {"input": QUESTION, "max_output_tokens": 60},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 60},
}
ROUTES = pytest.mark.parametrize("route", BODIES)
HALF = "\ud800"


def post(server: Server, route: str, fields: dict[str, Any], **headers: str) -> httpx.Response:
    body = json.dumps({"model": "arrol-tiny", **BODIES[route], **fields})  # escapes surrogates
    return send(server, route, body.encode(), **headers)


def send(server: Server, route: str, body: bytes, **headers: str) -> httpx.Response:
    own = {"authorization": f"Bearer {server.key}", "content-type": "application/json", **headers}
    return httpx.post(f"{server.url}{route}", content=body, headers=own, timeout=60)


def refused(reply: httpx.Response, param: str | None, code: str = "invalid_value") -> str:
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert (error["param"], error["code"]) == (param, code)
    assert (reply.json().get("type") == "error") == ("/v1/messages" in str(reply.url))
    message: str = error["message"]
    return message


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", ["/v1/responses", "/v1/messages"])
def test_a_route_that_answers_with_one_reply_has_no_n(
    server: Server, route: str, stream: bool
) -> None:
    fields = {"stream": stream, "temperature": 1.9}
    refused(post(server, route, SEARCH | fields | {"n": 3}), "n")
    for harmless in (SEARCH | {"n": 1}, {"n": "x"}):  # vLLM does not look at it
        assert post(server, route, fields | harmless).status_code == 200


@pytest.mark.parametrize(
    ("route", "fields"),
    [
        ("/v1/messages", {"seed": 7}),
        ("/v1/messages", {"seed": 0}),
        ("/v1/messages", {"stop": ["x"]}),
        ("/v1/messages", {"response_format": {"type": "json_object"}}),
        ("/v1/messages", {"output_format": {"type": "json_schema", "schema": {}}}),
        ("/v1/responses", {"max_tokens": 5}),
        ("/v1/completions", {"tools": 5}),
        ("/v1/chat/completions", {"prompt": ["a", "b"]}),
    ],
)
def test_what_would_shape_another_routes_reply_is_named(
    server: Server, route: str, fields: dict[str, Any]
) -> None:
    (name,) = fields
    assert "no such field" in refused(post(server, route, SEARCH | fields), name)
    assert post(server, route, SEARCH | {name: None}).status_code == 200


@pytest.mark.parametrize(
    ("route", "fields"),
    [
        ("/v1/responses", {"conversation": "conv_1"}),
        ("/v1/messages", {"mcp_servers": [{"type": "url", "url": "http://x", "name": "y"}]}),
    ],
)
def test_what_would_take_more_than_a_search_is_named(
    server: Server, route: str, fields: dict[str, Any]
) -> None:
    (name,) = fields
    assert "cannot take effect" in refused(post(server, route, SEARCH | fields), name)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("web_search_20250305", "web_search", "several turns"),
        ("code_execution_20250825", "code_execution", "several turns"),
        ("bash_20250124", "bash", "Anthropic's models"),
        ("text_editor_20250728", "str_replace_based_edit_tool", "Anthropic's models"),
        ("computer_20250124", "computer", "Anthropic's models"),
    ],
)
def test_anthropics_own_tools_are_named(
    server: Server, kind: str, name: str, says: str, stream: bool
) -> None:
    own = {"name": "add", "input_schema": {"type": "object", "properties": {}}}
    tools: list[dict[str, Any]] = [own, {"type": kind, "name": name}]
    fields = {"tools": tools, "stream": stream}
    asked = post(server, "/v1/messages", SEARCH | fields)
    by_alias = post(server, "/v1/messages", {"model": "duo"} | fields)
    by_header = post(server, "/v1/messages", fields, **{"X-Arrol-Samples": "3"})
    tools[1] |= {"input_schema": {"type": "object"}}  # which vLLM would take for a client's own
    described = post(server, "/v1/messages", SEARCH | fields)
    for reply in (asked, by_alias, by_header, described):
        told = refused(reply, "tools")
        assert kind in told
        assert says in told


def test_a_plain_request_with_anthropics_tools_is_vllms_matter(server: Server) -> None:
    tools: list[dict[str, Any]] = [{"type": "web_search_20250305", "name": "web_search"}]
    for fields in ({}, {"arrol": False}, {"model": "duo", "arrol": False}):
        reply = post(server, "/v1/messages", {"tools": tools} | fields)
        assert "required" in refused(reply, "tools.0.input_schema")


@pytest.mark.parametrize("kind", [None, "custom"])
def test_a_tool_of_the_clients_own_may_be_offered(server: Server, kind: str | None) -> None:
    tool = {"type": kind, "name": "add", "input_schema": {"type": "object", "properties": {}}}
    reply = post(server, "/v1/messages", SEARCH | {"tools": [tool], "temperature": 0.5})
    assert reply.json()["arrol"]["samples"]["started"] == 3


@ROUTES
@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"user": HALF}, "user"),
        ({"request_id": HALF}, "request_id"),
        ({"metadata": {"a": [1, {"b": f"x{HALF}y"}]}}, "metadata.a.1.b"),
        ({HALF: 1}, None),
        ({"model": HALF}, "model"),
    ],
)
def test_half_a_surrogate_pair_is_no_text(
    server: Server, route: str, fields: dict[str, Any], param: str | None
) -> None:
    for search in ({}, SEARCH, SEARCH | {"stream": True}):
        assert "surrogate" in refused(post(server, route, search | fields), param)


@ROUTES
def test_a_whole_surrogate_pair_is_a_character(server: Server, route: str) -> None:
    body = json.dumps({"model": "arrol-tiny", **BODIES[route], "user": "\U0001f600"})
    assert "\\ud83d" in body
    assert send(server, route, body.encode()).status_code == 200


@ROUTES
@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b'"\xff"', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b"[" * 100_000 + b"]" * 100_000, "nested"),
        (b"1" * 5000, "digits"),
        (b"{", "JSON"),
    ],
)
def test_what_cannot_be_read_is_told_why(
    server: Server, route: str, value: bytes, says: str
) -> None:
    assert says in refused(send(server, route, b'{"x": %b}' % value), None, "invalid_json")


@pytest.mark.parametrize(
    ("route", "fields", "param"),
    [
        ("/v1/responses", {"max_output_tokens": 0}, "max_output_tokens"),
        ("/v1/responses", {"previous_response_id": "resp_1"}, "previous_response_id"),
        ("/v1/messages", {"max_tokens": 10**6}, "max_tokens"),
    ],
)
def test_a_route_complains_of_its_own_fields(
    server: Server, route: str, fields: dict[str, Any], param: str
) -> None:
    reply = post(server, route, fields)
    assert reply.json()["error"]["param"] == param, reply.text


@pytest.mark.parametrize(
    ("route", "fields", "param"),
    [
        ("/v1/messages", {"messages": [{"role": "user", "content": [{"type": "x"}]}]}, "type"),
        ("/v1/messages", {"system": [{"type": "x"}]}, "type"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": None}]}, "content"),
    ],
)
def test_a_wrong_part_is_named_without_the_servers_own_names(
    server: Server, route: str, fields: dict[str, Any], param: str
) -> None:
    error = post(server, route, fields).json()["error"]
    assert error["param"].endswith(f".0.{param}"), error
    assert error["param"].islower()


@ROUTES
def test_null_is_no_body(server: Server, route: str) -> None:
    assert "null" in refused(send(server, route, b"null"), None, "invalid_json")


@pytest.mark.parametrize("route", list(BODIES)[:3])
def test_an_id_that_comes_back_in_every_chunk_is_short(server: Server, route: str) -> None:
    for fields in ({}, SEARCH):
        assert "256" in refused(
            post(server, route, fields | {"request_id": 257 * "a"}), "request_id"
        )
    assert post(server, route, {"request_id": 256 * "a"}).status_code == 200


@ROUTES
@pytest.mark.parametrize(
    "header", ["X-Arrol", "X-Arrol_Samples", "X-ArrolSamples", "X-Arol-Samples", "Arrol-Samples"]
)
def test_headers_that_nearly_ask_for_a_search(server: Server, route: str, header: str) -> None:
    assert "X-Arrol-Samples" in refused(post(server, route, {}, **{header: "4"}), header.lower())


def test_headers_of_proxies_are_not_ours(server: Server) -> None:
    headers = {"X-ARR-SSL": "1", "X-Real-IP": "1.2.3.4", "X-Array": "2", "X-Arrow-Flight": "3"}
    reply = post(server, "/v1/chat/completions", {}, **headers)
    assert "arrol" not in reply.json()


def test_a_header_that_stands_twice(server: Server) -> None:
    own = [("authorization", f"Bearer {server.key}"), ("content-type", "application/json")]
    twice = [("X-Arrol-Samples", "4"), ("X-Arrol-Samples", "5")]
    body = json.dumps({"model": "arrol-tiny", **BODIES["/v1/chat/completions"]})
    url = f"{server.url}/v1/chat/completions"
    reply = httpx.post(url, content=body, headers=own + twice, timeout=60)
    assert "twice" in refused(reply, "X-Arrol-Samples")


@ROUTES
@pytest.mark.parametrize("preset", ["fast", "balanced", "best"])
def test_the_aliases_of_presets_take_temperature_0(server: Server, route: str, preset: str) -> None:
    reply = post(server, route, {"model": f"arrol-tiny-{preset}", "temperature": 0})
    assert reply.json()["arrol"]["temperature"] == 0.7
