"""What ``openapi.yaml`` says of the events of a searched stream."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from arrol_serve.api.reply.progress import ProgressEvent

_AT = "#/components/schemas/"
SCHEMAS: dict[str, Any] = {}
"""What ``STREAM_SCHEMA`` refers to, by name."""
_event = TypeAdapter(ProgressEvent).json_schema(ref_template=_AT + "{model}")
SCHEMAS |= _event.pop("$defs")
SCHEMAS["ProgressEvent"] = _event
STREAM_SCHEMA: dict[str, Any] = {
    "description": (
        "The route's own events, as JSON after `data: `. With `arrol.stream` = `progress` come, "
        "at most ten a second, events that say nothing to other clients (an empty delta, "
        "`response.in_progress`, `ping`); `arrol.progress` in them tells how the search stands. "
        "Its rows of `candidates` and `votes` hold what has changed: merged by `index` and "
        "`cluster` they are the whole, at the end that of the report. The report, `arrol` as in a "
        "whole reply, comes with the event that ends the reply."
    ),
    "type": "object",
    "properties": {
        "arrol": {
            "anyOf": [
                {
                    "type": "object",
                    "properties": {"progress": {"$ref": _AT + "ProgressEvent"}},
                    "required": ["progress"],
                },
                {"$ref": _AT + "ArrolReport"},
            ]
        }
    },
}
