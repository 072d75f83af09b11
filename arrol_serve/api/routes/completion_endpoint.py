"""What chat and text completions share: one shape of responses and of chunks."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from arrol_serve.api.reply.response import arrol_object, mirror_reasoning, usage
from arrol_serve.api.reply.streaming import ChunkAmender
from arrol_serve.api.routes.searching import Asked


@dataclass(frozen=True, slots=True)
class CompletionEndpoint:
    """``Endpoint`` of either route."""

    handler: Any
    method: str
    """The serving object's."""
    vllm_route: Callable[[Any, Request], Awaitable[Any]]
    chunk: str
    """``object`` of its stream chunks."""

    def plain(self, request: Any, raw_request: Request) -> Awaitable[Any]:
        return self.vllm_route(request, raw_request)

    def create(self, request: Any, raw_request: Request) -> Awaitable[Any]:
        answer: Awaitable[Any] = getattr(self.handler, self.method)(request, raw_request)
        return answer

    def whole(self, asked: Asked, result: Any) -> dict[str, Any]:
        ticket = asked.searched()
        body: dict[str, Any] = result.model_dump()
        body["model"] = asked.model
        body["usage"] = usage(ticket, body["usage"])
        for choice in body["choices"]:
            mirror_reasoning(choice.get("message", {}))
        report = arrol_object(ticket, asked.head_id)
        return body if report is None else {**body, "arrol": report}

    def amender(self, asked: Asked) -> ChunkAmender:
        assert asked.ticket is not None  # noqa: S101  # plain requests go to vLLM's route
        frame = {
            "id": asked.raw_request.state.request_metadata.request_id,
            "object": self.chunk,
            "created": int(time.time()),
            "model": asked.model,
        }
        return ChunkAmender(asked.ticket, frame, head_id=asked.head_id)
