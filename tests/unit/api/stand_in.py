"""The routes on a stand-in for vLLM's serving object, which keeps what it gets."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import AsyncGenerator
from typing import Any

import httpx
from fastapi import FastAPI
from vllm.entrypoints.openai.chat_completion.protocol import (
    ChatCompletionResponse,
    ChatCompletionResponseChoice,
    ChatMessage,
)
from vllm.entrypoints.serve.engine.protocol import ModelCard, ModelList, UsageInfo

from arrol_serve.api.error_response import install
from arrol_serve.api.routes import chat, completion, models
from arrol_serve.api.selection import build_state
from arrol_serve.api.ticket import TICKET, SearchTicket
from arrol_serve.config import ServerConfig
from tests.unit.api.searches import HEADED, Race, ended

ASK = {"model": "tiny", "messages": [{"role": "user", "content": "1/4+1/4?"}]}


def line(**body: Any) -> str:
    return f"data: {json.dumps({'id': 'chatcmpl-1', 'created': 5, 'model': 'tiny', **body})}\n\n"


class Chat:
    """As vLLM's, with a search that ends when told to."""

    enable_force_include_usage = False

    def __init__(self) -> None:
        self.engine_client = self
        self.default_sampling_params: dict[str, Any] = {}
        self.model_config = Namespace(max_model_len=512)
        self.requests: list[Any] = []
        self.admitted: list[int] = []
        self.seconds = 0.0
        self.failure: Exception | None = None
        self.closed = asyncio.Event()

    def check_admission(self, samples: int) -> None:
        self.admitted.append(samples)

    async def create_chat_completion(self, request: Any, raw_request: Any) -> Any:
        self.requests.append(request)
        raw_request.state.request_metadata = Namespace(request_id="chatcmpl-1")
        ticket = TICKET.get()
        if request.stream:
            return self._stream(request, ticket)
        if ticket is not None:
            ended(ticket, ticket.choices)
        message = ChatMessage(role="assistant", content="1/2", reasoning="half")
        return ChatCompletionResponse(
            id="chatcmpl-1",
            model="tiny",
            choices=[ChatCompletionResponseChoice(index=0, message=message)],
            usage=UsageInfo(prompt_tokens=20, completion_tokens=30, total_tokens=50),
        )

    async def _stream(self, request: Any, ticket: SearchTicket | None) -> AsyncGenerator[str, None]:
        try:
            for index in range(request.n or 1):
                yield line(choices=[{"index": index, "delta": {"role": "assistant"}}])
            await asyncio.sleep(self.seconds)
            if self.failure is not None and ticket is not None:
                ticket.failure = self.failure
                yield line(error={"message": "x", "type": "y", "param": None, "code": 500})
                yield "data: [DONE]\n\n"
                return
            assert ticket is not None
            if ticket.listener is not None:
                race = Race(ticket.plan)
                race.state.launched(range(4))
                ticket.listener(race.now(0))  # gives way to what is newer
                race.tokens[2] = 5
                ticket.listener(race.now(40))
                await asyncio.sleep(0)
            ended(ticket, ticket.choices)
            for index in range(len(ticket.outcome.ranked if ticket.outcome else ())):
                yield line(choices=[{"index": index, "delta": {"reasoning": "half"}}])
                yield line(choices=[{"index": index, "delta": {}, "finish_reason": "stop"}])
            if request.stream_options and request.stream_options.include_usage:
                counts = {"prompt_tokens": 20, "completion_tokens": 30, "total_tokens": 50}
                yield line(choices=[], usage=counts)
            yield "data: [DONE]\n\n"
        finally:
            self.closed.set()


class Models:
    async def show_available_models(self) -> ModelList:
        return ModelList(data=[ModelCard(id="tiny", root="/models/tiny", max_model_len=512)])


def make_app(config: ServerConfig = HEADED) -> FastAPI:
    app = FastAPI()
    for module in (chat, completion, models):
        app.include_router(module.router)
    app.state.args = Namespace(log_error_stack=False, sse_keep_alive_interval=0)
    app.state.arrol = build_state(config, ("tiny",))
    app.state.openai_serving_models = Models()
    app.state.openai_serving_chat = Chat()
    app.state.openai_serving_completion = None
    install(app)
    return app


async def ask(app: FastAPI, body: dict[str, Any], **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.post("/v1/chat/completions", json=ASK | body, headers=headers)


async def send(app: FastAPI, body: bytes) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"content-type": "application/json"}
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.post("/v1/chat/completions", content=body, headers=headers)
