"""What clients and frameworks send without being asked, on the real server."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from tests.server.conftest import ADMIN_KEY, SLOW_REQUEST_S, Server

QUESTION: list[dict[str, str]] = [{"role": "user", "content": "What is 12*3+5?"}]
ASK: dict[str, Any] = {"model": "duo", "messages": QUESTION, "seed": 1}


def post(server: Server, path: str, body: object, **headers: str) -> httpx.Response:
    sent = {"authorization": f"Bearer {server.key}"} | headers
    return httpx.post(f"{server.url}{path}", json=body, headers=sent, timeout=60)


def raw(url: str, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """What a socket that sends ``parts`` and then waits is told until it is closed."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause_s)
        told = b""
        while data := connection.recv(65536):
            told += data
    return told


def test_an_offer_of_http2_is_answered_as_if_it_were_not_there(server: Server) -> None:
    body = json.dumps(ASK).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
        "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIA\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    told = raw(server.url, head, body, pause_s=0.1)
    assert told.startswith(b"HTTP/1.1 200 OK")
    assert b'"arrol"' in told


def test_half_a_request_does_not_stay(server: Server) -> None:
    began = time.monotonic()
    told = raw(server.url, b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n")
    assert told.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < SLOW_REQUEST_S + 30  # a busy machine


def test_idle_connections_stay_longer_than_those_of_proxies(server: Server) -> None:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    for pause_s in (7, 0):  # uvicorn's own limit is 5 s
        connection.request("GET", "/version")
        assert connection.getresponse().read()
        first = connection.sock
        time.sleep(pause_s)
    assert connection.sock is first is not None
    connection.close()


def test_the_admin_port_reads_no_body_before_the_key(server: Server) -> None:
    head = b"POST /admin/rollouts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    length = b"Content-Length: 67108864\r\n"
    assert raw(server.admin, head + length + b"\r\n").startswith(b"HTTP/1.1 401 ")
    right = f"x-api-key: {ADMIN_KEY}\r\n\r\n{{}}".encode()
    told = raw(server.admin, head + b"Content-Length: 2\r\nConnection: close\r\n" + right)
    assert told.startswith(b"HTTP/1.1 400 ")


def test_anthropics_header_opens_the_server(server: Server) -> None:
    for key, status in ((server.key, 200), ("wrong", 401)):
        headers = {"x-api-key": key}
        reply = httpx.post(
            f"{server.url}/v1/chat/completions", json=ASK, headers=headers, timeout=60
        )
        assert reply.status_code == status


@pytest.mark.parametrize(
    "path",
    [
        "/invocations",
        "/v1/chat/completions/batch",
        "/v1/chat/completions/render",
        "/v1/completions/render",
    ],
)
def test_routes_that_cannot_search_say_so(server: Server, path: str) -> None:
    plain = {"model": "arrol-tiny", "messages": QUESTION}
    for body, headers, param in (
        (ASK, {}, "model"),
        (plain | {"arrol": {"samples": 2}}, {}, "arrol"),
        (plain | {"vllm_xargs": {"arrol_samples": 2}}, {}, "vllm_xargs.arrol_samples"),
        (plain, {"X-Arrol-Samples": "2"}, "X-Arrol-Samples"),
    ):
        error = post(server, path, body, **headers).json()["error"]
        assert (error["param"], error["code"]) == (param, "invalid_value")
        assert path in error["message"]
        assert "/v1/chat/completions" in error["message"]


def test_tokens_are_counted_under_an_alias(server: Server) -> None:
    for path, body in (
        ("/tokenize", {"prompt": "2+2"}),
        ("/tokenize", {"messages": QUESTION}),
        ("/detokenize", {"tokens": [5, 6]}),
        ("/v1/messages/count_tokens", {"messages": QUESTION}),
    ):
        replies = [post(server, path, body | {"model": m}).json() for m in ("duo", "arrol-tiny")]
        assert replies[0] == replies[1]
        assert "error" not in replies[0]


def test_what_a_search_found_stands_in_headers_too(server: Server) -> None:
    reply = post(server, "/v1/chat/completions", ASK)
    found = reply.json()["arrol"]
    assert unquote(reply.headers["x-arrol-answer"]) == found["answer"] == "41"
    assert reply.headers["x-arrol-votes"] == "2/2"
    assert reply.headers["x-arrol-stop"] == found["stop"]


@pytest.mark.parametrize("path", ["/tokenize", "/invocations", "/v1/responses", "/v1/messages"])
def test_a_key_that_stands_twice_is_refused_everywhere(server: Server, path: str) -> None:
    headers = {"authorization": f"Bearer {server.key}", "content-type": "application/json"}
    body = b'{"model": "arrol-tiny", "model": "duo", "prompt": "2+2"}'
    reply = httpx.post(f"{server.url}{path}", content=body, headers=headers, timeout=60)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "model")
    assert "twice" in reply.json()["error"]["message"]


def test_cancelling_generates_nothing_and_may_carry_headers(server: Server) -> None:
    headers = {"authorization": f"Bearer {server.key}", "X-Arrol-Samples": "2"}
    reply = httpx.post(
        f"{server.url}/v1/responses/resp_nothing/cancel", headers=headers, timeout=60
    )
    assert reply.status_code == 404


def test_a_request_id_has_a_length(server: Server) -> None:
    reply = post(server, "/v1/chat/completions", ASK, **{"X-Request-Id": "r" * 257})
    assert reply.json()["error"]["param"] == "X-Request-Id"
    assert (
        post(server, "/v1/chat/completions", ASK, **{"X-Request-Id": "r" * 256}).status_code == 200
    )


def test_temperature_0_under_an_alias(server: Server) -> None:
    reply = post(
        server, "/v1/chat/completions", ASK | {"model": "arrol-tiny-vote16", "temperature": 0}
    )
    assert reply.json()["arrol"]["temperature"] == 0.7
    error = post(server, "/v1/chat/completions", ASK | {"temperature": 0}).json()["error"]
    assert error["param"] == "temperature"
    assert "model name arrol-tiny" in error["message"]
