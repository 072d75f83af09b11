"""What a server says to fixed questions, without what differs from one run to the next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from tests.server.conftest import Server

QUESTION = "What is 83*46-17+29?"
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": QUESTION}]}
PRUNED = {"samples": 16, "prune": {"keep": 0.5, "probes": [10]}}
WHOLE = {"samples": 8, "return": "candidates"}
MESSAGE: dict[str, Any] = {"max_tokens": 100, "top_p": 1e-6}
"""Anthropic's route takes no seed: the likeliest tokens alone are the same each time."""
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("/v1/chat/completions", CHAT | {"logprobs": True, "top_logprobs": 2}),
    "several": ("/v1/chat/completions", CHAT | {"n": 3, "temperature": 1.4}),
    "search": ("/v1/chat/completions", CHAT | {"arrol": WHOLE, "logprobs": True}),
    "pruned": ("/v1/chat/completions", CHAT | {"arrol": PRUNED}),
    "adaptive": (
        "/v1/chat/completions",
        CHAT | {"arrol": {"samples": 16, "early_stop": {"confidence": 0.999}}},
    ),
    "completion": ("/v1/completions", {"prompt": "2+2", "max_tokens": 20, "arrol": WHOLE}),
    "response": ("/v1/responses", {"input": QUESTION, "arrol": WHOLE}),
    "plain response": ("/v1/responses", {"input": QUESTION}),
    "message": ("/v1/messages", CHAT | MESSAGE | {"temperature": 0}),
    "searched message": ("/v1/messages", CHAT | MESSAGE | {"arrol": WHOLE}),
}
"""Name -> route and body."""
STREAMED = ("search", "pruned", "completion", "response", "searched message")
"""Those that are asked for as streams, too: vLLM may put two tokens of a plain reply into one event."""
QUESTIONS = (*ASKED, *(f"{name}, streamed" for name in STREAMED))
TIMES = {"id", "created", "created_at", "completed_at", "latency_ms", "request_id", "item_id"}
NAMES = {"system_fingerprint"}
"""Of releases."""
LATE = {"tokens", "total_tokens", "completion_tokens"}
"""What depends on when siblings enter the engine: losers generate on until the last one has come."""


def told(server: Server, question: str) -> dict[str, Any]:
    """The leaves of the reply, or of its stream's events, by where they stand; what is null is absent."""
    name, _, streamed = question.partition(", ")
    route, body = ASKED[name]
    own: dict[str, Any] = {"seed": 7} if route != "/v1/messages" else {}
    if streamed:
        own["stream"] = True
    if streamed and route.endswith("completions"):
        own["stream_options"] = {"include_usage": True}
    asked = {"model": "arrol-tiny", **own, **body}
    headers = {"authorization": f"Bearer {server.key}"}
    reply = httpx.post(f"{server.url}{route}", json=asked, headers=headers, timeout=300)
    assert reply.status_code == 200, reply.text
    left_out = TIMES | NAMES | (LATE if name in ("pruned", "adaptive") else set())
    found = _events(reply.text) if streamed else reply.json()
    return dict(_leaves(found, "", left_out))


def _events(text: str) -> list[Any]:
    data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(event) for event in data if event != "[DONE]"]


def _leaves(value: Any, place: str, left_out: set[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in left_out and inner is not None:
                yield from _leaves(inner, f"{place}/{name}", left_out)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{place}/{number}", left_out)
    else:
        yield place, value
