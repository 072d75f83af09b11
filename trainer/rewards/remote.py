"""A reward server over HTTP: one POST of many replies, made in a worker process that can be killed.

Request: ``{"prompts": [...], "completions": [...], NAME: [...], ...}``, what a function that takes lists
gets as keywords. Answer: 200 with ``{"rewards": [...]}``, a number or null for each completion.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from trainer.rewards.functions import SHOWN, said

MOST_BYTES = 16 << 20
"""The longest answer that is read."""
BUSY = (408, 425, 429, 500, 502, 503, 504)
"""Statuses after which the same request may be answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``again``: what has failed may go well next time, ``wait_s`` seconds later if the server says so."""

    values: list[Any] | None
    problem: Literal["timeout", "raised", "nonsense"] = "raised"
    said: str = ""
    again: bool = False
    wait_s: float = 0.0


def post(url: str, body: bytes, key: str, limit_s: float) -> Answer:
    """In a worker: the answer of one request, given up after ``limit_s`` seconds."""
    until = time.monotonic() + limit_s
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    try:
        with (
            httpx.Client(timeout=limit_s) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            text = bytearray()
            for chunk in response.iter_bytes():
                text += chunk
                if time.monotonic() > until:
                    raise httpx.ReadTimeout("the answer did not end")
                if len(text) > MOST_BYTES:
                    return Answer(None, "nonsense", f"answered more than {MOST_BYTES} bytes")
    except httpx.TimeoutException:
        return Answer(None, "timeout", f"did not answer in {limit_s:g} s", again=True)
    except httpx.TransportError as error:
        return Answer(None, said=f"cannot be reached: {said(error)}", again=True)
    except Exception as error:  # noqa: BLE001  # a URL or an encoding that httpx cannot read
        return Answer(None, said=f"cannot be asked: {said(error)}")
    return _read(response, bytes(text))


def _read(response: httpx.Response, text: bytes) -> Answer:
    status = response.status_code
    if status != 200:
        shown = " ".join(text.decode("utf-8", "replace").split())[:SHOWN]
        if response.is_redirect:
            shown = f"a redirect to {response.headers.get('location')}: name that address"
        wait = response.headers.get("retry-after", "")
        wait_s = float(wait) if wait.isdecimal() else 0.0
        return Answer(None, said=f"answered {status}: {shown}", again=status in BUSY, wait_s=wait_s)
    try:
        values = json.loads(text)["rewards"]
    except (ValueError, TypeError, KeyError, RecursionError):
        values = None
    if not isinstance(values, list):
        shown = " ".join(text.decode("utf-8", "replace").split())[:SHOWN]
        return Answer(None, "nonsense", f'answered {shown!r} in place of {{"rewards": [...]}}')
    return Answer(values)
