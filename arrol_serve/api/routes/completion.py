"""POST /v1/completions: vLLM's own handler, with a search behind it when one is asked for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from vllm.entrypoints.openai.completion.api_router import (
    create_completion as vllm_create_completion,
)
from vllm.entrypoints.serve.utils.api_utils import validate_json_request

from arrol_serve.api.document.examples import COMPLETION, request_body
from arrol_serve.api.document.schema import SearchableCompletionRequest, SearchedCompletionResponse
from arrol_serve.api.middleware.strict_json import StrictRoute
from arrol_serve.api.routes.completion_endpoint import CompletionEndpoint
from arrol_serve.api.routes.searching import ERROR_RESPONSES, STREAM_CONTENT, serve

router = APIRouter(route_class=StrictRoute)


@router.post(
    "/v1/completions",
    dependencies=[Depends(validate_json_request)],
    responses={200: {"model": SearchedCompletionResponse, **STREAM_CONTENT}, **ERROR_RESPONSES},
    openapi_extra=request_body(COMPLETION),
)
async def create_completion(request: SearchableCompletionRequest, raw_request: Request) -> Any:
    """A completion; with ``arrol`` in the body, the winner of a vote over many."""
    handler = raw_request.app.state.openai_serving_completion
    endpoint = CompletionEndpoint(
        handler, "create_completion", vllm_create_completion, "text_completion"
    )
    return await serve(request, raw_request, endpoint)
