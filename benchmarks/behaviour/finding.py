"""What a check found, and how streams and replies are read the same way for every system."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx

Verdict = Literal["yes", "partly", "no"]
CHECKS: dict[str, str] = {
    "parameters": "max_tokens, temperature, top_p, seed and stop take effect on every sample",
    "usage": "`usage` counts every generated token, and the prompt once for each call",
    "equivalence": "1/2, 0.5 and \\frac{1}{2} vote together",
    "no answer": "samples without an answer cannot outvote one that has it",
    "disconnect": "a client that leaves ends the work upstream",
    "bad request": "what the engine refuses is a 400 that says why",
    "stream form": "role, content in pieces, finish, usage when asked for, [DONE]",
    "keep-alive": "something is sent while the samples are being generated",
    "tools": "tools reach the model and a tool call comes back whole",
    "isolation": "searches of different sizes at once keep their own size and answer",
}
TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One cell of the table; ``detail`` is what was seen."""

    check: str
    verdict: Verdict
    detail: str


def graded(check: str, met: Mapping[str, bool], detail: str = "") -> Finding:
    """yes if everything was met, no if nothing; the detail names what was not."""
    missing = [name for name, ok in met.items() if not ok]
    verdict: Verdict = "yes" if not missing else "no" if len(missing) == len(met) else "partly"
    said = f"not: {', '.join(missing)}" if missing else "all"
    return Finding(check, verdict, f"{said}; {detail}" if detail else said)


def post(url: str, body: Mapping[str, Any]) -> tuple[int, Any]:
    """Status and JSON body, or the text of what is not JSON."""
    reply = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=TIMEOUT_S)
    try:
        return reply.status_code, reply.json()
    except json.JSONDecodeError:
        return reply.status_code, reply.text


def content(reply: Any) -> str:
    """The text of the first choice."""
    return str(reply["choices"][0]["message"].get("content") or "")


def hang_up(url: str, body: Mapping[str, Any], after_s: float) -> None:
    """Send ``body`` and leave after a while, whatever has come."""
    try:
        httpx.post(f"{url}/v1/chat/completions", json=body, timeout=httpx.Timeout(after_s))
    except httpx.TimeoutException:
        return


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as it arrived."""

    lines: list[str]
    first_s: float
    """Seconds to the first byte of the body."""
    total_s: float

    def chunks(self) -> list[dict[str, Any]]:
        data = [line[5:].strip() for line in self.lines if line.startswith("data:")]
        return [json.loads(line) for line in data if line != "[DONE]"]

    def form(self) -> dict[str, bool]:
        """What a client of OpenAI's streams relies on, and whether it is there."""
        chunks = self.chunks()
        choices = [c["choices"][0] for c in chunks if c.get("choices")]
        deltas = [choice.get("delta", {}) for choice in choices]
        return {
            "role first": bool(deltas) and deltas[0].get("role") == "assistant",
            "content in pieces": sum(bool(d.get("content")) for d in deltas) > 1,
            "finish chunk without content": bool(choices)
            and bool(choices[-1].get("finish_reason"))
            and not deltas[-1].get("content"),
            "usage chunk": bool(chunks) and bool(chunks[-1].get("usage")),
            "[DONE]": any(line.strip() == "data: [DONE]" for line in self.lines),
            "ids and object": all(
                c.get("id") and c.get("object") == "chat.completion.chunk" for c in chunks
            ),
        }


def stream(url: str, body: Mapping[str, Any]) -> Stream:
    """Send ``body`` as a stream that asks for usage, and read all of it."""
    asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
    began = time.monotonic()
    first = None
    raw = b""
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=asked, timeout=TIMEOUT_S) as reply:
        for part in reply.iter_raw():
            first = first or time.monotonic() - began
            raw += part
    lines = [line for line in raw.decode(errors="replace").splitlines() if line]
    total = time.monotonic() - began
    return Stream(lines, first or total, total)
