"""Clients that leave, and what must be gone once they have."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.server.conftest import Server

LONG: dict[str, Any] = {
    "model": "arrol-tiny",
    "messages": [{"role": "user", "content": "What is 947*83-17+29-64?"}],
    "max_tokens": 400,
    "ignore_eos": True,
    "arrol": {"samples": 32, "vote": "uniform"},
}


def leave(server: Server, body: dict[str, Any], after_s: float) -> None:
    """Send a request and drop the connection after ``after_s``."""
    headers = {"authorization": f"Bearer {server.key}"}
    url = f"{server.url}/v1/chat/completions"
    try:
        with httpx.Client(timeout=after_s) as http:
            if not body.get("stream"):
                http.post(url, json=body, headers=headers)
                return
            with http.stream("POST", url, json=body, headers=headers) as reply:
                end = time.monotonic() + after_s
                for _ in reply.iter_bytes():
                    if time.monotonic() > end:
                        return
    except httpx.TimeoutException:
        return


def engine_groups_after(server: Server) -> int:
    """Rollout groups alive in the engine once a small search has ended: its own is gone too."""
    server.wait_idle()
    return int(server.metric("arrol_engine_groups"))


def check_nothing_is_left(server: Server) -> None:
    server.wait_idle()
    reply = server.post(LONG | {"max_tokens": 5, "arrol": {"samples": 2}})
    assert reply.status_code == 200
    assert engine_groups_after(server) == 0
