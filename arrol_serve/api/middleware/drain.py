"""The outermost layer: knows the requests in flight; while draining it refuses new ones, ends old ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arrol_serve.api.error_response import arrol_error_body
from arrol_serve.api.error_shapes import last_words, shaped_for
from arrol_serve.errors import ArrolError, EngineUnavailable

HEALTH = ("/health", "/ping")
"""Routes that report 503 while draining. Other GETs, such as /metrics, are answered to the end."""
SEND_LIMIT_S = 1.0
"""Seconds for a last word to a client that may have stopped reading."""
CLOSE = (b"connection", b"close")
DIED = (
    "The engine died while it worked on this request: send it again, another replica will answer."
)


class Drain:
    """Requests in flight, and the reason why no more are accepted."""

    def __init__(self) -> None:
        self.in_flight: set[Exchange] = set()
        self.refusal: ArrolError | None = None
        self.engine_died: Callable[[], bool] = lambda: False
        self._emptied = asyncio.Event()

    async def handle(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, or refuse it."""
        read_only = scope["method"] in ("GET", "HEAD") and scope["path"] not in HEALTH
        exchange = Exchange(self, scope["path"], receive, send)
        if self.refusal is not None and not read_only:
            await exchange.cut_off(self.refusal)
            return
        if scope["method"] in ("GET", "HEAD"):
            await app(scope, receive, send)
            return
        self.in_flight.add(exchange)
        try:
            await app(scope, exchange.receive, exchange.send)
        finally:
            self.in_flight.discard(exchange)
            if not self.in_flight:
                self._emptied.set()

    async def empty(self) -> None:
        """Wait until no request is in flight."""
        while self.in_flight:
            self._emptied.clear()
            await self._emptied.wait()

    async def cut_off_all(self) -> None:
        """End every request in flight with the reason. To the app it looks as if its client had left."""
        reason = self.refusal or EngineUnavailable(DIED)
        await asyncio.gather(*(exchange.cut_off(reason) for exchange in list(self.in_flight)))


class Exchange:
    """One request and its response as the app sees them."""

    def __init__(self, drain: Drain, path: str, receive: Receive, send: Send) -> None:
        self._drain, self._path = drain, path
        self._receive, self._send = receive, send
        self._started = self._streams = False
        self._cut = asyncio.Event()
        self._receiver: asyncio.Task[Any] | None = None

    async def receive(self) -> Message:
        """The server's ``receive``; once cut off, the news that the client has left."""
        if self._cut.is_set():
            return {"type": "http.disconnect"}
        self._receiver = asyncio.current_task()
        try:
            return await self._receive()
        except asyncio.CancelledError:
            if not self._cut.is_set() or self._receiver is None:
                raise
            self._receiver.uncancel()  # it was us, in cut_off
            return {"type": "http.disconnect"}
        finally:
            self._receiver = None

    async def send(self, message: Message) -> None:
        """The server's ``send``; what a dead engine makes of the response is said in our words."""
        if self._cut.is_set():
            return
        if _is_failure(message, self._streams) and self._drain.engine_died():
            await self.cut_off(EngineUnavailable(DIED))
            return
        if message["type"] == "http.response.start":
            self._started, self._streams = True, _is_stream(message)
            if self._drain.refusal is not None:
                message = {**message, "headers": [*message.get("headers", ()), CLOSE]}
        await self._send(message)

    async def cut_off(self, reason: ArrolError) -> None:
        """End the response with an error, or as it stands if it is neither unsent nor a stream."""
        self._cut.set()
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                await self._last_words(reason)
        except TimeoutError:
            pass  # a client that does not read; the connection is closed on it
        if self._receiver is not None:
            self._receiver.cancel()

    async def _last_words(self, reason: ArrolError) -> None:
        body = arrol_error_body(reason)
        payload = last_words(self._path, reason.status, body).encode()
        if not self._started:
            payload = json.dumps(shaped_for(self._path, reason.status, body)).encode()
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(payload)).encode()),
                (b"retry-after", str(getattr(reason, "retry_after_s", 1)).encode()),
                CLOSE,
            ]
            await self._send(
                {"type": "http.response.start", "status": reason.status, "headers": headers}
            )
        elif not self._streams:
            return
        await self._send({"type": "http.response.body", "body": payload})


def _is_stream(start: Message) -> bool:
    headers = {name.lower(): value for name, value in start.get("headers", ())}
    return headers.get(b"content-type", b"").startswith(b"text/event-stream")


def _is_failure(message: Message, streams: bool) -> bool:
    if message["type"] == "http.response.start":
        return int(message["status"]) >= 500
    return streams and message.get("body", b"").startswith((b'data: {"error"', b"event: error"))
