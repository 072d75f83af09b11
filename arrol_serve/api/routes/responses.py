"""POST /v1/responses: vLLM's own handler, with a search behind it when one is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request
from vllm.entrypoints.openai.responses.api_router import create_responses as vllm_create_responses
from vllm.entrypoints.serve.utils.api_utils import validate_json_request

from arrol_serve.api.document.examples import RESPONSES, request_body
from arrol_serve.api.document.schema import SearchableResponsesRequest, SearchedResponse
from arrol_serve.api.error_response import error_of
from arrol_serve.api.error_shapes import response_error_event
from arrol_serve.api.middleware.strict_json import StrictRoute
from arrol_serve.api.reply.progress import ProgressEvent
from arrol_serve.api.reply.response import arrol_object
from arrol_serve.api.routes.searching import ERROR_RESPONSES, STREAM_CONTENT, Asked, answer, serve
from arrol_serve.api.sse import named_event
from arrol_serve.api.ticket import TICKET

router = APIRouter(route_class=StrictRoute)
IN_PROGRESS = "response.in_progress"


@router.post(
    "/v1/responses",
    dependencies=[Depends(validate_json_request)],
    responses={200: {"model": SearchedResponse, **STREAM_CONTENT}, **ERROR_RESPONSES},
    openapi_extra=request_body(RESPONSES),
)
async def create_responses(request: SearchableResponsesRequest, raw_request: Request) -> Any:
    """A response; with ``arrol`` in the body, the winner of a vote over many."""
    endpoint = ResponsesEndpoint(raw_request.app.state.openai_serving_responses)
    return await serve(request, raw_request, endpoint)


@dataclass(frozen=True, slots=True)
class ResponsesEndpoint:
    """``Endpoint`` of the route."""

    handler: Any

    def plain(self, request: Any, raw_request: Request) -> Awaitable[Any]:
        """vLLM's route, except for streams, where it lets a failure cut the connection."""
        if self.handler is None or not request.stream:
            route: Awaitable[Any] = vllm_create_responses(request, raw_request)
            return route
        return answer(Asked.plainly(request, raw_request), raw_request, self)

    def create(self, request: Any, raw_request: Request) -> Awaitable[Any]:
        if (ticket := TICKET.get()) is not None:
            ticket.opens = False  # vLLM sends its own events before it asks the engine
        made: Awaitable[Any] = self.handler.create_responses(request, raw_request)
        return made

    def whole(self, asked: Asked, result: Any) -> Any:
        _amend(result, asked)
        return result.model_dump(mode="json", by_alias=True)

    def amender(self, asked: Asked) -> EventAmender:
        return EventAmender(asked)


def _amend(response: Any, asked: Asked) -> None:
    """Set what is true in vLLM's response object, which it may also keep for later."""
    ticket = asked.searched()
    response.model = asked.model
    response.usage.output_tokens = ticket.generated_tokens
    response.usage.input_tokens = ticket.prompt_tokens
    response.usage.total_tokens = ticket.prompt_tokens + ticket.generated_tokens
    report = arrol_object(ticket, asked.head_id)
    if report is not None:
        response.arrol = report


class EventAmender:
    """Rewrites a stream of response events. The events are numbered here, since some are ours."""

    def __init__(self, asked: Asked) -> None:
        self._asked, self._number = asked, 0
        self._opening: dict[str, Any] = {}
        """The response as it was when nothing was known."""

    def __call__(self, item: Any) -> Iterator[str]:
        """The lines to send for one of vLLM's event objects, or an exception."""
        if isinstance(item, Exception):
            body = error_of(self._asked.failure(item))[1]
            yield self._event(response_error_event(body))
        else:
            yield self._event(self._amended(item))

    def progress(self, event: ProgressEvent) -> str:
        arrol = {"progress": event}
        return self._event({"type": IN_PROGRESS, "response": self._opening, "arrol": arrol})

    def keep_alive(self) -> str:
        return self._event({"type": IN_PROGRESS, "response": self._opening})

    def _amended(self, event: Any) -> dict[str, Any]:
        ticket = self._asked.ticket
        ended = ticket is not None and ticket.outcome is not None
        if ended and getattr(getattr(event, "response", None), "usage", None) is not None:
            _amend(event.response, self._asked)
        body: dict[str, Any] = event.model_dump(mode="json", by_alias=True)
        if isinstance(body.get("response"), dict):
            if ticket is not None:
                body["response"]["model"] = self._asked.model
            self._opening = self._opening or body["response"]
        return body

    def _event(self, body: dict[str, Any]) -> str:
        body["sequence_number"] = self._number
        self._number += 1
        return named_event(body)
