"""Server-sent events, as the APIs that we speak write them."""

from __future__ import annotations

import json
from typing import Any

DATA = "data: "
DONE = f"{DATA}[DONE]\n\n"
"""Ends a stream of chat or text completions."""


def sse_line(body: Any) -> str:
    """An event without a name."""
    return f"{DATA}{json.dumps(body, ensure_ascii=False)}\n\n"


def named_event(body: dict[str, Any]) -> str:
    """An event that is named by its ``type``, as Anthropic's API and the responses API send them."""
    return f"event: {body['type']}\n{sse_line(body)}"
