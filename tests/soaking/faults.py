"""Whether a reply is right for its request. Every function returns what is wrong, or None."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.soaking.asks import Ask

FATES = ("finished", "truncated", "pruned", "cancelled")
CLEAN_CODES = ("overloaded", "deadline_exceeded")
"""Errors that a stream may end with: it has sent its 200 before it knows."""


@dataclass(slots=True)
class Reply:
    """A reply that has arrived whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    text: str = field(default="", init=False)
    """Of the first choice; known once it was judged."""


def fault_of(ask: Ask, reply: Reply, known: str | None = None) -> str | None:
    """``known``: the first choice's text, where it is known."""
    if reply.status == 429 and "retry-after" not in reply.headers:
        return "429 without Retry-After"
    if reply.status not in (*ask.statuses, 429):
        return f"status {reply.status}, not {ask.statuses}: {reply.body[:300]!r}"
    if reply.status != 200:
        return _error_fault(json.loads(reply.body))
    if ask.streamed:
        return _stream_fault(ask, reply, known)
    return _whole_fault(ask, json.loads(reply.body), reply, known)


def _error_fault(body: dict[str, Any]) -> str | None:
    said = body.get("error", {})
    whole = said.keys() == {"message", "type", "param", "code"} and said["message"]
    return None if whole else f"an error of another form: {body}"


def _whole_fault(ask: Ask, body: dict[str, Any], reply: Reply, known: str | None) -> str | None:
    choices, asked = body["choices"], _wanted(ask)
    texts = [c["message"]["content"] if "message" in c else c["text"] for c in choices]
    reply.text = next(iter(texts), None) or ""
    searched = "arrol" in asked
    count = asked.get("n", 1)
    if not 1 <= len(choices) <= count or (not searched and len(choices) < count):
        return f"{len(choices)} choices, asked for {count}"
    ends = [choice["finish_reason"] for choice in choices]
    if not set(ends) <= {"stop", "length"}:
        return f"finish reasons {ends}"
    if body["usage"]["completion_tokens"] < 1:
        return "no token in usage"
    report = body.get("arrol")
    return _report_fault(asked, report) or _text_fault(ask, reply.text, ends[0], known)


def _wanted(ask: Ask) -> dict[str, Any]:
    assert isinstance(ask.body, dict)  # bytes are bad requests
    return ask.body


def _report_fault(asked: dict[str, Any], report: dict[str, Any] | None) -> str | None:
    plan = asked.get("arrol")
    if plan is None or plan.get("return") == "none":
        return None if report is None else "a search that nobody asked for"
    if report is None:
        return "no arrol object"
    samples = report["samples"]
    if sum(samples[fate] for fate in FATES) != samples["started"]:
        return f"candidates are missing: {samples}"
    early = {"early_stop", "deadline_s", "max_total_tokens"} & plan.keys()
    if samples["started"] != plan["samples"] and not early:
        return f"started {samples['started']} of {plan['samples']}"
    listed = report.get("candidates")
    if listed is not None and [c["index"] for c in listed] != list(range(samples["started"])):
        return "candidates are not listed one each"
    return None


def _text_fault(ask: Ask, text: str, end: str, known: str | None) -> str | None:
    if known is not None and text != known:
        return f"another text than when alone: {text!r}, not {known!r}"
    if ask.kind == "structured" and end == "stop":
        try:
            found = json.loads(text)
        except ValueError:
            return f"structured output that is no JSON: {text!r}"
        if found.keys() != {"answer"}:
            return f"structured output of another form: {text!r}"
    return None


def _stream_fault(ask: Ask, reply: Reply, known: str | None) -> str | None:
    lines = [line for line in reply.body.decode().split("\n") if line.startswith("data: ")]
    if not lines or lines[-1] != "data: [DONE]":
        return f"a stream that ends with {reply.body[-200:]!r}"
    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    errors = [event for event in events if "error" in event]
    if errors:
        clean = errors[0]["error"].get("code") in CLEAN_CODES
        return _error_fault(errors[0]) if clean else f"an error in the stream: {errors[0]}"
    choices = [choice for event in events for choice in event["choices"]]
    first = [choice for choice in choices if choice["index"] == 0]
    said = (c["delta"].get("content") if "delta" in c else c["text"] for c in first)
    reply.text = "".join(part or "" for part in said)
    ends = [c["finish_reason"] for c in first if c.get("finish_reason")]
    if len(ends) != 1:
        return f"the first choice ended {len(ends)} times"
    reports = [e["arrol"] for e in events if "arrol" in e and "progress" not in e["arrol"]]
    if any(
        report != reports[0] for report in reports
    ):  # the last content chunk and the usage chunk
        return "different arrol objects"
    fault = _report_fault(_wanted(ask), reports[0] if reports else None)
    return fault or _text_fault(ask, reply.text, ends[0], known)
