"""An OpenAI upstream that answers from a script and remembers what it was asked: for proxies under test."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from benchmarks.processes import free_port

MODEL = "scripted"
PROMPT_TOKENS, COMPLETION_TOKENS = 20, 10
"""What one prompt and one choice count, whatever their text."""


LOGPROBS = {"content": [{"top_logprobs": [{"logprob": -0.1}, {"logprob": -2.5}]}] * 3}
"""Every choice has these where they are asked for."""


@dataclass(slots=True)
class Call:
    """One request that came in."""

    body: dict[str, Any]
    began: float
    state: str = "running"
    """Then "done", or "cancelled" when the caller hung up."""


@dataclass(slots=True)
class Script:
    """What the upstream does from now on."""

    replies: list[str] = field(default_factory=lambda: ["The answer is 1."])
    """Taken in turn, choice by choice."""
    delay_s: float = 0.0
    refuse: str | None = None
    """Answer 400 with this message."""
    tool_calls: list[dict[str, Any]] | None = None
    echo: bool = False
    """Answer with the last word of the last message instead."""
    calls: list[Call] = field(default_factory=list)
    turn: Iterator[int] = field(default_factory=count)

    def choices(self) -> int:
        """Choices that were generated, that is paid for."""
        return sum(int(c.body.get("n") or 1) for c in self.calls if c.state == "done")


class Upstream:
    """The server; ``script`` may be replaced between requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.script = Script()

    def play(self, **settings: Any) -> Script:
        """A fresh script with nothing remembered."""
        self.script = Script(**settings)
        return self.script

    async def models(self) -> dict[str, Any]:
        return {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "test"}]}

    async def metrics(self) -> PlainTextResponse:
        """The counter that cost is read from, as vLLM writes it."""
        paid = COMPLETION_TOKENS * self.script.choices()
        return PlainTextResponse(f'vllm:generation_tokens_total{{engine="0"}} {paid}.0\n')

    async def chat(self, request: Request) -> JSONResponse:
        script = self.script
        body = await request.json()
        call = Call(body, time.monotonic())
        script.calls.append(call)
        if script.refuse is not None:
            call.state = "refused"
            error = {
                "message": script.refuse,
                "type": "BadRequestError",
                "code": 400,
                "param": None,
            }
            return JSONResponse({"error": error}, status_code=400)
        while time.monotonic() < call.began + script.delay_s:
            if await request.is_disconnected():
                call.state = "cancelled"
                return JSONResponse({}, status_code=499)
            await asyncio.sleep(0.02)
        call.state = "done"
        return JSONResponse(completion(script, body))


def completion(script: Script, body: dict[str, Any]) -> dict[str, Any]:
    """A chat completion of ``n`` choices."""
    n = int(body.get("n") or 1)
    return {
        "id": f"chatcmpl-{time.monotonic_ns()}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "choices": [
            {
                "index": i,
                "finish_reason": "tool_calls" if script.tool_calls else "stop",
                "message": _message(script, body),
                "logprobs": LOGPROBS if body.get("logprobs") else None,
            }
            for i in range(n)
        ],
        "usage": {
            "prompt_tokens": PROMPT_TOKENS,
            "completion_tokens": COMPLETION_TOKENS * n,
            "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS * n,
        },
    }


def _message(script: Script, body: dict[str, Any]) -> dict[str, Any]:
    if script.tool_calls:
        return {"role": "assistant", "content": None, "tool_calls": script.tool_calls}
    if script.echo:
        said = str(body["messages"][-1]["content"]).split()[-1]
        return {"role": "assistant", "content": f"The answer is {said}."}
    text = script.replies[next(script.turn) % len(script.replies)]
    return {"role": "assistant", "content": text}


@contextmanager
def scripted_upstream() -> Iterator[Upstream]:
    """The upstream, served from a thread of this process."""
    port = free_port()
    upstream = Upstream(f"http://127.0.0.1:{port}")
    app = FastAPI()
    app.get("/v1/models")(upstream.models)
    app.get("/metrics")(upstream.metrics)
    app.post("/v1/chat/completions", response_model=None)(upstream.chat)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield upstream
    finally:
        server.should_exit = True
        thread.join(10)
