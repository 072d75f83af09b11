"""How long replies may get where nobody says: half of the model's context, since a reasoning model that is
cut off counts as wrong.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx

from arrol_serve.bundled import MODEL_NAME

LONGEST = 4096
"""Tokens; also where the context is not known."""
OF_BUNDLED = 256
"""The bundled model has never been seen to need more."""
TIMEOUT_S = 10.0


def default_max_tokens(model: str, url: str | None, key_variable: str) -> int:
    """Tokens of a reply of ``model``: a folder, the bundled one, or one that a server has."""
    if url is not None:
        context = _served_context(model, url, os.environ.get(key_variable))
    elif model == MODEL_NAME:
        return OF_BUNDLED
    else:
        context = _context_of(Path(model) / "config.json")
    return LONGEST if context is None else max(1, min(LONGEST, context // 2))


def _context_of(config: Path) -> int | None:
    try:
        body = json.loads(config.read_text())
        return _positive({**body.get("text_config", {}), **body}.get("max_position_embeddings"))
    except (OSError, ValueError, TypeError, AttributeError):
        return None  # the engine will say what is wrong with the folder


def _served_context(model: str, url: str, key: str | None) -> int | None:
    """What ``/models`` says of it, as vLLM's does; None where a server says nothing."""
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    try:
        reply = httpx.get(f"{url.rstrip('/')}/models", headers=headers, timeout=TIMEOUT_S)
        (found,) = (m for m in reply.json()["data"] if m["id"] == model)
        return _positive(found.get("max_model_len"))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError, AttributeError):
        return None  # the first request will say what is wrong with the server


def _positive(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
