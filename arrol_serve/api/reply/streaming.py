"""A search's SSE stream: vLLM's own chunks with true usage and the ``arrol`` object added."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any, Literal, Protocol

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from arrol_serve.api.error_response import arrol_error_body, reshape
from arrol_serve.api.reply.progress import Changes, ProgressEvent
from arrol_serve.api.reply.response import arrol_object, mirror_reasoning, usage
from arrol_serve.api.sse import DATA, DONE, sse_line
from arrol_serve.api.ticket import SearchTicket
from arrol_serve.errors import ArrolError
from arrol_serve.search.progress import Progress


class ClosingStream(StreamingResponse):
    """Closes its generator when the client has left, instead of leaving that to the collector."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if isinstance(self.body_iterator, AsyncGenerator):
                await self.body_iterator.aclose()


KEEP_ALIVE_COMMENT = ": keep-alive\n"
"""Ended by one line break: after a second one, decoders that are not to the letter give an empty event."""

KeepAlive = Literal["comment", "chunk"]


class Amender(Protocol):
    """Rewrites one route's stream."""

    def __call__(self, item: Any) -> Iterator[str]:
        """The lines to send for what vLLM yields, or the exception that ended it."""

    def progress(self, event: ProgressEvent) -> str:
        """An event that says nothing to those who do not know ours."""

    def keep_alive(self) -> str:
        """An event that says nothing."""


async def stream_search(
    chunks: AsyncGenerator[Any, None],
    ticket: SearchTicket | None,
    amend: Amender,
    *,
    keep_alive_s: float,
    keep_alive: KeepAlive,
) -> AsyncGenerator[str, None]:
    """vLLM's ``chunks``, each amended. With ``stream: progress`` progress chunks come between.

    vLLM's generator runs in a task of its own. When the client leaves, the web framework cancels
    this generator again at every await, which would cut short the abort of the candidates.
    """
    items: asyncio.Queue[Any] = asyncio.Queue()
    latest = None
    if ticket is not None and ticket.plan.stream == "progress":
        latest = ticket.listener = _Latest(items, Changes(ticket.plan))
    reader = asyncio.create_task(_read(chunks, items))
    try:
        while True:
            try:
                async with asyncio.timeout(keep_alive_s or None):
                    item = await items.get()
            except TimeoutError:
                yield KEEP_ALIVE_COMMENT if keep_alive == "comment" else amend.keep_alive()
                continue
            if item is None:
                return
            if item is latest and latest is not None:
                yield amend.progress(latest.event())
                continue
            for line in amend(item):
                yield line
    finally:
        reader.cancel()
        await asyncio.wait({reader})  # unlike awaiting it, does not cancel it a second time


class _Latest:
    """The listener of a stream. What is not yet written gives way to what is newer: slow readers get less."""

    def __init__(self, items: asyncio.Queue[Any], changes: Changes) -> None:
        self._items, self._changes = items, changes
        self._unwritten: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        if self._unwritten is None:
            self._items.put_nowait(self)
        self._unwritten = progress

    def event(self) -> ProgressEvent:
        """What to write now. Call it once for each time that this lies among the items."""
        assert self._unwritten is not None  # noqa: S101  # it would not lie there
        latest, self._unwritten = self._unwritten, None
        return self._changes.since_last(latest)


async def _read(chunks: AsyncGenerator[Any, None], items: asyncio.Queue[Any]) -> None:
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                items.put_nowait(chunk)
    except Exception as error:  # noqa: BLE001  # crosses to the task that writes the stream
        items.put_nowait(error)
    finally:
        items.put_nowait(None)


class ChunkAmender:
    """Rewrites a stream of chat or text completions, chunk by chunk."""

    def __init__(self, ticket: SearchTicket, frame: dict[str, Any], *, head_id: str | None) -> None:
        """``frame``: id, object, created and model of the stream."""
        self._ticket, self._frame, self._head_id = ticket, frame, head_id
        self._held: list[dict[str, Any]] = []
        """Opening chunks of the choices after the first: there may be fewer answers than asked."""

    def __call__(self, item: str | Exception) -> Iterator[str]:
        """The lines to send for one event."""
        if isinstance(item, Exception):
            yield sse_line(self._error({"error": {"message": "The server failed. Try again."}}))
            yield DONE
        elif not item.startswith(DATA) or item == DONE:
            yield item
        else:
            yield from self._chunk(json.loads(item.removeprefix(DATA)))

    def progress(self, event: ProgressEvent) -> str:
        return self._empty({"progress": event})

    def keep_alive(self) -> str:
        return self._empty()

    def _chunk(self, body: dict[str, Any]) -> Iterator[str]:
        if "error" in body:
            yield sse_line(self._error(body))
            return
        outcome, choices = self._ticket.outcome, body.get("choices") or []
        body |= self._frame
        later = bool(choices) and choices[0].get("index", 0) > 0
        if outcome is None and later:
            self._held.append(body)
            return
        if outcome is not None:
            held, self._held = self._held, []
            for opening in held:
                if opening["choices"][0]["index"] < len(outcome.ranked):
                    yield sse_line(opening)
            if later and choices[0]["index"] >= len(outcome.ranked):
                return
        yield sse_line(self._amended(body, choices))

    def _amended(self, body: dict[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
        for choice in choices:
            mirror_reasoning(choice.get("delta", {}))
        if body.get("usage"):
            body["usage"] = usage(self._ticket, body["usage"])
        if not choices and body.get("usage"):
            self._report(body)
        for choice in choices:
            if choice.get("finish_reason") and choice.get("index") == 0:
                self._report(body)
                if "delta" in choice:
                    self._report(choice["delta"])
                    choice["delta"].get("arrol", {}).pop(
                        "candidates", None
                    )  # large; once is enough
        return body

    def _report(self, place: dict[str, Any]) -> None:
        """Put the object where frameworks look: in the last chunk, in its delta, beside the usage.

        Some keep unknown fields of the one, some of the other.
        """
        report = arrol_object(self._ticket, self._head_id)
        if report is not None:
            place["arrol"] = report

    def _empty(self, arrol: dict[str, Any] | None = None) -> str:
        """An empty delta, which SDKs skip."""
        chat = self._frame["object"] == "chat.completion.chunk"
        said: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
        choice = {"index": 0, **said, "finish_reason": None}
        beside = {} if arrol is None else {"arrol": arrol}
        return sse_line(self._frame | {"choices": [choice], **beside})

    def _error(self, body: dict[str, Any]) -> dict[str, Any]:
        failure = self._ticket.failure
        if isinstance(failure, ArrolError):
            return arrol_error_body(failure)
        status = body["error"].get("code") if isinstance(body["error"], dict) else None
        return reshape(status if isinstance(status, int) else 500, body)[1]
