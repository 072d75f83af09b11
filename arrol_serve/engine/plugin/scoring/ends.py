"""After which tokens of a request its score or its features may be asked for: probes, recorded positions, and
whatever may be its last token.

Says too often rather than too seldom: a request that ends unforeseen has no score for its vote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from arrol_serve.engine.plugin.wire import MemberPlan

NEVER = 2**62
STOPS = 8
"""Stop tokens that are looked for; with more of them every token may be the last."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Where one request's score may be asked for, in generated tokens."""

    probes: tuple[int, ...]
    longest: int
    """Where vLLM cuts it off."""
    anywhere: bool
    """It may end after any token, for reasons that are not known here."""
    stops: tuple[int, ...]


def ends_of(plan: MemberPlan, params: Any, prompt: int | None, max_model_len: int) -> Ends:
    """As ``check_stop`` of vLLM's scheduler decides. ``prompt``: tokens, None where it has embeddings."""
    probes = tuple(sorted({*plan["probes"], *(plan["record"] or ())}))
    if not plan["to_end"]:
        return Ends(probes, NEVER, False, ())
    stops = {*(params.stop_token_ids or ()), params.eos_token_id} - {None}
    room = NEVER if prompt is None else max_model_len - prompt
    return Ends(
        probes=probes,
        longest=min(room, params.max_tokens or NEVER),
        anywhere=bool(
            prompt is None
            or params.stop
            or params.repetition_detection is not None
            or plan["max_total_tokens"] is not None
            or len(stops) > STOPS
        ),
        stops=tuple(stops)[:STOPS],
    )
