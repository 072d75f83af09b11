"""Faults beside a server that must go on: clients that leave or stall, dead readers, a trainer's pause."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.server.conftest import ADMIN_KEY, Server
from tests.server.leaving import LONG, check_nothing_is_left
from tests.server.running.processes import readers

SHORT: dict[str, Any] = LONG | {"max_tokens": 30, "ignore_eos": False, "arrol": {"samples": 4}}


@contextmanager
def raw_stream(server: Server, body: dict[str, Any], window: int) -> Iterator[socket.socket]:
    """A connection with a small receive window, its request sent."""
    address = urlsplit(server.url)
    payload = json.dumps(body | {"stream": True}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {server.key}\r\ncontent-length: {len(payload)}\r\n\r\n"
    )
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        connection.settimeout(60)
        connection.connect((address.hostname, address.port))
        connection.sendall(head.encode() + payload)
        yield connection


def test_leaving_in_the_middle_of_the_winner(server: Server) -> None:
    loud = SHORT | {"logprobs": True, "top_logprobs": 20, "max_tokens": 300, "ignore_eos": True}
    with raw_stream(server, loud, 4096) as connection:
        seen = b""
        while seen.count(b'"content"') < 3:
            seen += connection.recv(512)
    check_nothing_is_left(server)


def test_a_client_that_does_not_read_holds_up_nobody(server: Server) -> None:
    """More than the buffers take waits for it; others are answered meanwhile, and nothing is lost."""
    loud = LONG | {
        "n": 8,
        "logprobs": True,
        "top_logprobs": 20,
        "stream_options": {"include_usage": True},
        "arrol": {"samples": 8},
    }
    with raw_stream(server, loud, 4096) as connection:
        server.wait_idle(60)
        for _ in range(3):
            assert server.post(SHORT).status_code == 200
        received = bytearray()
        while b"data: [DONE]" not in received[-64:]:
            chunk = connection.recv(1 << 20)
            assert chunk, "the stream ended without [DONE]"
            received += chunk
    assert len(received) > 2**20, "too little to fill the buffers: the test tests nothing"
    lines = [line for line in received.splitlines() if line.startswith(b"data: {")]
    chunks = [json.loads(line.removeprefix(b"data: ")) for line in lines]
    tokens = sum(len(c["choices"][0]["logprobs"]["content"]) for c in chunks if _has_tokens(c))
    assert tokens == chunks[-1]["arrol"]["samples"]["started"] * LONG["max_tokens"]
    check_nothing_is_left(server)


def _has_tokens(chunk: dict[str, Any]) -> bool:
    return bool(chunk["choices"] and chunk["choices"][0].get("logprobs"))


def test_readers_that_die_are_not_missed(server: Server) -> None:
    """Short replies are read without them; that others get new ones is in tests/unit/answers/test_pool.py."""
    for process in readers(server.pid):
        process.send_signal(signal.SIGKILL)
    reply = server.post(SHORT | {"max_tokens": 200}).json()
    assert reply["arrol"]["answer"] is not None


def test_a_pause_that_aborts_all_candidates_is_said_to_be_one(server: Server) -> None:
    """Without a deadline: there is none to blame."""
    endless = LONG | {"arrol": {"samples": 64, "prune": {"policy": "never"}}}
    server.wait_idle()
    with (
        ThreadPoolExecutor(2) as crowd,
        httpx.Client(
            base_url=server.admin, headers={"authorization": f"Bearer {ADMIN_KEY}"}, timeout=60
        ) as admin,
    ):
        asked = [crowd.submit(server.post, endless | {"stream": s}) for s in (False, True)]
        end = time.monotonic() + 60
        while server.metric("vllm:num_requests_running") < 128:
            assert time.monotonic() < end
            time.sleep(0.05)
        try:
            admin.post("/pause", params={"mode": "abort"}).raise_for_status()
            whole, stream = (future.result(60) for future in asked)
        finally:
            admin.post("/resume").raise_for_status()
    assert whole.status_code == 503, whole.text
    assert whole.json()["error"]["code"] == "engine_unavailable"
    assert "aborted, and not by this request" in whole.json()["error"]["message"]
    error, done = [line for line in stream.text.splitlines() if line.startswith("data: ")][-2:]
    assert '"engine_unavailable"' in error
    assert done == "data: [DONE]"
    check_nothing_is_left(server)
