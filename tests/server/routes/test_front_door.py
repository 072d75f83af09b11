"""Who may come in, and with how much: keys, body sizes, browsers of other sites."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import psutil
import pytest

from arrol_serve.config import ServerConfig
from tests.server.conftest import FILE_KEY, OTHER_KEY, Server

ASKED = {
    "model": "arrol-tiny",
    "messages": [{"role": "user", "content": "What is 1+1?"}],
    "max_tokens": 1,
}
TOO_MUCH = ServerConfig().max_body_bytes + 1
GENERATING = ("/v1/chat/completions", "/v1/completions", "/invocations", "/inference/v1/generate")
OTHERS = ("/tokenize", "/v1/models", "/no-such-route", "/arrol")


def is_refusal(reply: httpx.Response, status: int, code: str) -> bool:
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return (reply.status_code, error["code"]) == (status, code)


@pytest.mark.parametrize("key", ["secret", OTHER_KEY, FILE_KEY])
def test_a_key_of_each_source_opens_the_server(server: Server, key: str) -> None:
    assert server.post(ASKED, authorization=f"Bearer {key}").status_code == 200


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer secre", "Bearer secrett", "secret"])
@pytest.mark.parametrize("path", [*GENERATING, *OTHERS])
def test_no_route_opens_without_a_key(server: Server, path: str, sent: str) -> None:
    headers = {"authorization": sent}
    reply = httpx.post(f"{server.url}{path}", json=ASKED, headers=headers)
    assert is_refusal(reply, 401, "invalid_api_key")


@pytest.mark.parametrize("path", ["/health", "/ping", "/metrics", "/version"])
def test_probes_need_no_key(server: Server, path: str) -> None:
    assert httpx.get(f"{server.url}{path}").status_code == 200


def test_the_page_needs_no_key_and_brings_its_rules(server: Server) -> None:
    for method in ("GET", "HEAD"):
        reply = httpx.request(method, f"{server.url}/arrol")
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'self'" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
    again = httpx.get(f"{server.url}/arrol", headers={"if-none-match": reply.headers["etag"]})
    assert again.status_code == 304
    assert httpx.get(f"{server.url}/arrol/index.html").status_code == 200
    slashed = httpx.get(f"{server.url}/arrol/", follow_redirects=True)
    assert (slashed.status_code, slashed.url.path) == (200, "/arrol")
    assert httpx.get(f"{server.url}/arrol/%2e%2e/config.py").status_code in (401, 404)


def test_keys_are_not_handed_to_other_processes(server: Server) -> None:
    for child in psutil.Process(server.pid).children(recursive=True):
        assert OTHER_KEY not in json.dumps(child.environ())


def test_keys_stay_out_of_the_log(server: Server) -> None:
    log = server.log.read_text(errors="replace")
    assert OTHER_KEY not in log
    assert FILE_KEY not in log


def test_an_announced_body_that_is_too_large_is_not_read(server: Server) -> None:
    reply = server.post(b" " * TOO_MUCH)
    assert is_refusal(reply, 413, "request_too_large")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/tokenize", "/v1/messages"])
def test_a_chunked_body_is_counted(server: Server, path: str) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(TOO_MUCH // 2**16 + 2):
            yield b" " * 2**16

    headers = {"content-type": "application/json", "authorization": f"Bearer {server.key}"}
    reply = httpx.post(f"{server.url}{path}", content=endless(), headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "request_too_large")


def test_a_body_within_the_limit_is_taken(server: Server) -> None:
    padded = json.dumps(ASKED).encode().ljust(TOO_MUCH - 1)
    assert server.post(padded).status_code == 200


def test_browsers_of_other_sites_are_not_let_in(server: Server) -> None:
    origin = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    asked = httpx.options(f"{server.url}/v1/chat/completions", headers=origin)
    assert "access-control-allow-origin" not in asked.headers
    reply = server.post(ASKED, origin=origin["origin"])
    assert "access-control-allow-origin" not in reply.headers
