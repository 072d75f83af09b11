"""Searches with a deadline, on machines of any speed."""

from __future__ import annotations

from typing import Any

from tests.server.conftest import Server


def first_answer(
    server: Server, body: dict[str, Any], from_s: float
) -> tuple[dict[str, Any], float]:
    """The ``arrol`` object under the first deadline that leaves time for an answer, and that deadline."""
    deadline_s = from_s
    while deadline_s < 60:
        reply = server.post(body | {"arrol": {**body["arrol"], "deadline_s": deadline_s}})
        if reply.status_code == 200:
            found: dict[str, Any] = reply.json()["arrol"]
            return found, deadline_s
        assert (reply.status_code, reply.json()["error"]["code"]) == (504, "deadline_exceeded")
        deadline_s *= 1.5
    raise AssertionError(f"no answer in {deadline_s} s")
