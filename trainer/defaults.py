"""Settings that a recipe leaves out and that follow from others, or from the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from arrol_serve import bundled

LONGEST, PROMPT = 2048, 1024
"""Tokens of prompt and rollout together, and of the prompt where long rollouts are asked for."""


def fill(body: dict[str, Any]) -> None:
    """``rollout.max_model_len``: 2048 or what ``rollout.max_tokens`` needs, as far as the model goes.
    ``rollout.max_tokens``: half of it, 1024 at most. ``prune.probes``: a quarter of that.

    ``body``: a recipe whose keys are known. What is given stays, and is checked elsewhere.
    """
    rollout, prune = body.setdefault("rollout", {}), body.setdefault("prune", {})
    most = longest(str(body.get("run", {}).get("model", "bundled")))
    tokens = rollout.get("max_tokens")
    if "max_model_len" not in rollout and (tokens is None or isinstance(tokens, int)):
        wanted = max(LONGEST, (tokens or 0) + PROMPT)
        rollout["max_model_len"] = wanted if most is None else min(most, wanted)
    length = rollout.get("max_model_len")
    if tokens is None and isinstance(length, int):
        tokens = rollout["max_tokens"] = max(2, min(LONGEST // 2, length // 2))
    if "probes" not in prune and isinstance(tokens, int):
        prune["probes"] = [max(1, tokens // 4)]


def longest(model: str) -> int | None:
    """Positions that the model of ``run.model`` has; None: nobody knows, or they can be stretched."""
    folder = bundled.MODEL if model == "bundled" else Path(model)
    try:
        config = json.loads((folder / "config.json").read_bytes())
        text = config.get("text_config") or config
        rope = text.get("rope_parameters") or text.get("rope_scaling") or {}
        found = text.get("max_position_embeddings")
    except (OSError, ValueError, AttributeError):
        return None  # said where the model is opened
    plain = rope.get("rope_type", rope.get("type", "default")) == "default"
    return found if plain and isinstance(found, int) else None
