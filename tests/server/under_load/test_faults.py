"""Faults beside a server that must go on: clients that leave or stall, readers that die."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.server.conftest import Server
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
