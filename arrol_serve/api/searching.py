"""What the chat and the completion route share: plain requests to vLLM, searches with a ticket."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.entrypoints.serve.utils.api_utils import (
    load_aware_call,
    should_include_usage,
    with_cancellation,
)
from vllm.entrypoints.serve.utils.sse_keep_alive import with_sse_keep_alive

from arrol_serve.api.error_response import ErrorBody
from arrol_serve.api.response import arrol_object, headers, mirror_reasoning, usage
from arrol_serve.api.selection import ArrolState, select
from arrol_serve.api.streaming import ChunkAmender, ClosingStream, stream_search
from arrol_serve.api.ticket import SearchTicket

ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody} for status in (400, 401, 404, 413, 429, 500, 503, 504)
}
STREAM_CONTENT: dict[str, Any] = {"content": {"text/event-stream": {}}}
STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""Proxies that buffer would hold back the keep-alive comments."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of vLLM's routes."""

    handler: Any
    """Its serving object; None: the model cannot serve this route."""
    create: str
    """The serving object's method."""
    plain: Callable[[Any, Request], Awaitable[Any]]
    """vLLM's own route."""
    chunk: str
    """``object`` of its stream chunks."""


async def serve(request: Any, raw_request: Request, endpoint: Endpoint) -> Any:
    """Plain requests go to vLLM's own route as they came."""
    arrol: ArrolState = raw_request.app.state.arrol
    if endpoint.handler is None:
        return await endpoint.plain(request, raw_request)  # says that the model cannot do it
    temperature = endpoint.handler.default_sampling_params.get("temperature", 1.0)
    ticket, model = select(request, raw_request.headers, arrol, temperature)
    if ticket is None:
        return await endpoint.plain(request, raw_request)
    endpoint.handler.engine_client.check_admission(ticket.plan.samples)
    return await _search(
        request, raw_request, endpoint=endpoint, ticket=ticket, model=model, arrol=arrol
    )


@with_cancellation
@load_aware_call
async def _search(
    request: Any,
    raw_request: Request,
    *,
    endpoint: Endpoint,
    ticket: SearchTicket,
    model: str,
    arrol: ArrolState,
) -> Response:
    result = await getattr(endpoint.handler, endpoint.create)(request, raw_request)
    if isinstance(result, ErrorResponse):
        return JSONResponse(result.model_dump(), status_code=result.error.code)
    head_id = arrol.config.head_id
    if isinstance(result, AsyncGenerator):
        wants_usage, _ = should_include_usage(
            request.stream_options, endpoint.handler.enable_force_include_usage
        )
        frame = {
            "id": raw_request.state.request_metadata.request_id,
            "object": endpoint.chunk,
            "created": int(time.time()),
            "model": model,
        }
        amend = ChunkAmender(ticket, frame, head_id=head_id, wants_usage=wants_usage)
        lines = with_sse_keep_alive(stream_search(result, ticket, amend), arrol.config.keep_alive_s)
        shown = {**headers(ticket), **STREAM_HEADERS}
        return ClosingStream(lines, media_type="text/event-stream", headers=shown)
    return JSONResponse(
        _amended(result.model_dump(), ticket, model, head_id), headers=headers(ticket)
    )


def _amended(
    body: dict[str, Any], ticket: SearchTicket, model: str, head_id: str | None
) -> dict[str, Any]:
    """vLLM's response with true usage and the ``arrol`` object."""
    if ticket.outcome is None:
        raise RuntimeError("vLLM answered without a search: its engine client is not ours")
    body["model"] = model
    body["usage"] = usage(ticket, body["usage"])
    for choice in body["choices"]:
        mirror_reasoning(choice.get("message", {}))
    report = arrol_object(ticket, head_id)
    return body if report is None else {**body, "arrol": report}
