"""Examples of the OpenAPI document: each is a request that a server with the bundled model answers."""

from __future__ import annotations

from typing import Any

_ASKED = [{"role": "user", "content": "What is 17*23-40?"}]
_SEARCH = {
    "samples": 16,
    "prune": {"keep": 0.5, "probes": [24, 48]},
    "vote": "quality",
    "return": "summary",
}
_ADAPTIVE = {
    "samples": 32,
    "min_samples": 8,
    "early_stop": {"agreement": 0.95},
    "deadline_s": 20.0,
    "answer": {"extract": "regex", "regex": r"= (-?\d+)"},
}
MODEL = "arrol-tiny"

CHAT: dict[str, Any] = {
    "plain": {"value": {"model": MODEL, "messages": _ASKED}},
    "search": {
        "summary": "16 candidates, half of them pruned, and a vote weighted by the quality head",
        "value": {"model": MODEL, "messages": _ASKED, "arrol": _SEARCH},
    },
    "adaptive": {
        "summary": "8 candidates, then more, at most 32, until the vote is decided",
        "value": {"model": MODEL, "messages": _ASKED, "arrol": _ADAPTIVE},
    },
    "alias": {
        "summary": "The same for clients that can only choose a model",
        "value": {"model": f"{MODEL}-prune16", "messages": _ASKED},
    },
    "progress": {
        "summary": "A stream that tells how the search goes",
        "value": {
            "model": MODEL,
            "messages": _ASKED,
            "stream": True,
            "arrol": {"samples": 8, "stream": "progress"},
        },
    },
}
COMPLETION: dict[str, Any] = {
    "plain": {"value": {"model": MODEL, "prompt": "17*23-40="}},
    "search": {
        "value": {"model": MODEL, "prompt": "17*23-40=", "max_tokens": 200, "arrol": _SEARCH}
    },
}
RESPONSES: dict[str, Any] = {
    "plain": {"value": {"model": MODEL, "input": "What is 17*23-40?"}},
    "search": {"value": {"model": MODEL, "input": "What is 17*23-40?", "arrol": _SEARCH}},
}
MESSAGES: dict[str, Any] = {
    "plain": {"value": {"model": MODEL, "messages": _ASKED, "max_tokens": 200}},
    "search": {"value": {"model": MODEL, "messages": _ASKED, "max_tokens": 200, "arrol": _SEARCH}},
}


def request_body(examples: dict[str, Any]) -> dict[str, Any]:
    """``openapi_extra`` of a route."""
    return {"requestBody": {"content": {"application/json": {"examples": examples}}}}
