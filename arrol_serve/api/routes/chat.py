"""POST /v1/chat/completions: vLLM's own handler, with a search behind it when one is asked for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from vllm.entrypoints.openai.chat_completion.api_router import (
    create_chat_completion as vllm_create_chat_completion,
)
from vllm.entrypoints.serve.utils.api_utils import validate_json_request

from arrol_serve.api.document.examples import CHAT, request_body
from arrol_serve.api.document.schema import SearchableChatRequest, SearchedChatResponse
from arrol_serve.api.middleware.strict_json import StrictRoute
from arrol_serve.api.routes.completion_endpoint import CompletionEndpoint
from arrol_serve.api.routes.searching import ERROR_RESPONSES, STREAM_CONTENT, serve

router = APIRouter(route_class=StrictRoute)


@router.post(
    "/v1/chat/completions",
    dependencies=[Depends(validate_json_request)],
    responses={200: {"model": SearchedChatResponse, **STREAM_CONTENT}, **ERROR_RESPONSES},
    openapi_extra=request_body(CHAT),
)
async def create_chat_completion(request: SearchableChatRequest, raw_request: Request) -> Any:
    """A chat completion; with ``arrol`` in the body, the winner of a vote over many."""
    handler = raw_request.app.state.openai_serving_chat
    endpoint = CompletionEndpoint(
        handler, "create_chat_completion", vllm_create_chat_completion, "chat.completion.chunk"
    )
    return await serve(request, raw_request, endpoint)
