"""What the routes share that can search: plain requests to vLLM, searches with a ticket."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.entrypoints.serve.utils.api_utils import load_aware_call, with_cancellation

from arrol_serve.api.document.stream import STREAM_SCHEMA
from arrol_serve.api.error_response import ErrorBody
from arrol_serve.api.reply.response import headers
from arrol_serve.api.reply.streaming import Amender, ClosingStream, stream_search
from arrol_serve.api.selection import ArrolState, select
from arrol_serve.api.ticket import TICKET, SearchTicket

ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody} for status in (400, 401, 404, 408, 413, 429, 500, 503, 504)
}
STREAM_CONTENT: dict[str, Any] = {"content": {"text/event-stream": {"schema": STREAM_SCHEMA}}}
STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""Proxies that buffer would hold back the keep-alives."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request on its way through one of the routes."""

    request: Any
    raw_request: Request
    ticket: SearchTicket | None
    """None: a plain request."""
    model: str
    """The name to answer under."""
    head_id: str | None

    @classmethod
    def plainly(cls, request: Any, raw_request: Request) -> Asked:
        """A plain request whose answer is amended all the same."""
        return cls(request, raw_request, None, request.model, None)

    def failure(self, error: Exception) -> Exception:
        """What to say where vLLM's generator raised ``error``: what the search failed by, if it did."""
        return (self.ticket.failure if self.ticket else None) or error

    def searched(self) -> SearchTicket:
        """The ticket of a search that vLLM has answered."""
        if self.ticket is None or self.ticket.outcome is None:
            raise RuntimeError("vLLM answered without a search: its engine client is not ours")
        return self.ticket


class Endpoint(Protocol):
    """One of vLLM's routes."""

    @property
    def handler(self) -> Any:
        """Its serving object; None: the model cannot serve this route."""

    def plain(self, request: Any, raw_request: Request) -> Awaitable[Any]:
        """Answer a plain request."""

    def create(self, request: Any, raw_request: Request) -> Awaitable[Any]:
        """The serving object's method: vLLM's response, error, or a generator of what it streams."""

    def whole(self, asked: Asked, result: Any) -> Any:
        """vLLM's response as JSON, with true usage and the ``arrol`` object."""

    def amender(self, asked: Asked) -> Amender:
        """The same for a stream."""


async def serve(request: Any, raw_request: Request, endpoint: Endpoint) -> Any:
    """Answer a request of any of the routes."""
    arrol: ArrolState = raw_request.app.state.arrol
    if endpoint.handler is None:
        return await endpoint.plain(request, raw_request)  # says that the model cannot do it
    ticket, model = select(request, raw_request.headers, arrol, endpoint.handler)
    TICKET.set(ticket)
    if ticket is None:
        return await endpoint.plain(request, raw_request)
    endpoint.handler.engine_client.check_admission(ticket.plan.samples)
    return await answer(
        Asked(request, raw_request, ticket, model, arrol.config_of(ticket.adapter).head_id),
        raw_request,
        endpoint,
    )


@with_cancellation
@load_aware_call
async def answer(asked: Asked, raw_request: Request, endpoint: Endpoint) -> Response:
    """vLLM's answer, amended."""
    result = await endpoint.create(asked.request, raw_request)
    if isinstance(result, ErrorResponse):
        return JSONResponse(result.model_dump(), status_code=result.error.code)
    shown = headers(asked.ticket)
    if not isinstance(result, AsyncGenerator):
        return JSONResponse(endpoint.whole(asked, result), headers=shown)
    config = raw_request.app.state.arrol.config
    lines = stream_search(
        result,
        asked.ticket,
        endpoint.amender(asked),
        keep_alive_s=config.keep_alive_s,
        keep_alive=config.keep_alive,
    )
    return ClosingStream(lines, media_type="text/event-stream", headers={**shown, **STREAM_HEADERS})
