"""POST /v1/messages, Anthropic's API: vLLM's own handler, with a search behind it when asked for."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request
from vllm.entrypoints.anthropic.api_router import create_messages as vllm_create_messages
from vllm.entrypoints.serve.exception_handling.error_response import create_error_response
from vllm.entrypoints.serve.utils.api_utils import validate_json_request

from arrol_serve.api.document.examples import MESSAGES, request_body
from arrol_serve.api.document.schema import SearchableMessagesRequest, SearchedMessage
from arrol_serve.api.error_response import error_of
from arrol_serve.api.error_shapes import AnthropicErrorBody, anthropic_error
from arrol_serve.api.middleware.strict_json import StrictRoute
from arrol_serve.api.refusals import foreign_tool, refuse_foreign_tool
from arrol_serve.api.reply.progress import ProgressEvent
from arrol_serve.api.reply.response import arrol_object
from arrol_serve.api.routes.searching import ERROR_RESPONSES, STREAM_CONTENT, Asked, answer, serve
from arrol_serve.api.selection import ArrolState, asks_for_search
from arrol_serve.api.sse import named_event
from arrol_serve.api.ticket import TICKET
from arrol_serve.errors import ArrolError


async def check_tools(raw_request: Request) -> None:
    """A search says why it takes no tools of Anthropic's own.

    The route depends on it, and what a route depends on runs before its body is validated.
    """
    body: Any = await raw_request.json() if await raw_request.body() else None
    kind = foreign_tool(body.get("tools")) if isinstance(body, dict) else None
    arrol: ArrolState = raw_request.app.state.arrol
    if kind is not None and asks_for_search(body, raw_request.headers, arrol):
        refuse_foreign_tool(kind)


router = APIRouter(route_class=StrictRoute)
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": AnthropicErrorBody} for status in ERROR_RESPONSES
}


@router.post(
    "/v1/messages",
    dependencies=[Depends(validate_json_request), Depends(check_tools)],
    responses={200: {"model": SearchedMessage, **STREAM_CONTENT}, **ERRORS},
    openapi_extra=request_body(MESSAGES),
)
async def create_messages(request: SearchableMessagesRequest, raw_request: Request) -> Any:
    """A message; with ``arrol`` in the body, the winner of a vote over many."""
    endpoint = MessagesEndpoint(raw_request.app.state.anthropic_serving_messages)
    return await serve(request, raw_request, endpoint)


@dataclass(frozen=True, slots=True)
class MessagesEndpoint:
    """``Endpoint`` of the route."""

    handler: Any

    def plain(self, request: Any, raw_request: Request) -> Awaitable[Any]:
        """Answered as a search is: vLLM's route makes a 500 of whatever the engine client refuses."""
        if self.handler is None:
            route: Awaitable[Any] = vllm_create_messages(request, raw_request)
            return route
        return answer(Asked.plainly(request, raw_request), raw_request, self)

    async def create(self, request: Any, raw_request: Request) -> Any:
        if (ticket := TICKET.get()) is not None:
            ticket.quiet = True  # vLLM's conversion takes an error in the stream for a broken chunk
        try:
            return await self.handler.create_messages(request, raw_request)
        except ArrolError:
            raise
        except Exception as error:
            response = create_error_response(error)
            if response.error.code >= 500:
                raise
            return response  # what vLLM's conversion refuses

    def whole(self, asked: Asked, result: Any) -> dict[str, Any]:
        body: dict[str, Any] = result.model_dump(exclude_none=True)
        if asked.ticket is None:
            return body
        return _amended({**body, "model": asked.model}, asked)

    def amender(self, asked: Asked) -> MessageAmender:
        return MessageAmender(asked)


def _amended(body: dict[str, Any], asked: Asked) -> dict[str, Any]:
    """The message, or the event that ends it, with true usage and the ``arrol`` object."""
    ticket = asked.searched()
    body["usage"] = {**(body.get("usage") or {}), "output_tokens": ticket.generated_tokens}
    report = arrol_object(ticket, asked.head_id)
    return body if report is None else {**body, "arrol": report}


class MessageAmender:
    """Rewrites a stream of Anthropic's events."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._ended = False

    def __call__(self, item: Any) -> Iterator[str]:
        """The lines to send for vLLM's events, or an exception."""
        if isinstance(item, Exception):
            yield self._error(self._asked.failure(item))
        else:
            for event in filter(None, item.split("\n\n")):
                if not self._ended:
                    yield self._one(event)

    def progress(self, event: ProgressEvent) -> str:
        return named_event({"type": "ping", "arrol": {"progress": event}})

    def keep_alive(self) -> str:
        return named_event({"type": "ping"})

    def _one(self, event: str) -> str:
        body = json.loads(event.partition("\ndata: ")[2])
        ticket = self._asked.ticket
        if ticket is not None and ticket.failure is not None:
            return self._error(ticket.failure)
        if body["type"] == "error":
            return self._error(RuntimeError(body["error"]["message"]))
        if body["type"] == "message_start" and ticket is not None:
            body["message"]["model"] = self._asked.model
        elif body["type"] == "message_delta" and ticket is not None:
            body = _amended(body, self._asked)
        return named_event(body)

    def _error(self, error: Exception) -> str:
        self._ended = True
        return named_event(anthropic_error(*error_of(error)))
