"""The routes on a stand-in for vLLM's serving object: what it gets, and what is made of it."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from vllm.entrypoints.openai.chat_completion.protocol import (
    ChatCompletionResponse,
    ChatCompletionResponseChoice,
    ChatMessage,
)
from vllm.entrypoints.serve.engine.protocol import ModelCard, ModelList, UsageInfo

from arrol_serve.api import chat, completion, models
from arrol_serve.api.error_response import install
from arrol_serve.api.selection import build_state
from arrol_serve.api.ticket import TICKET, SearchTicket
from arrol_serve.config import ServerConfig
from arrol_serve.errors import DeadlineExceeded
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


def chunks(text: str) -> list[dict[str, Any]]:
    lines = [part.removeprefix("data: ") for part in text.split("\n\n") if part]
    assert lines[-1] == "[DONE]"
    return [json.loads(part) for part in lines[:-1] if not part.startswith(":")]


def test_a_plain_request_reaches_vllm_as_it_came() -> None:
    app = make_app()
    response = asyncio.run(ask(app, {"vllm_xargs": {"other": 1}}))
    (request,) = app.state.openai_serving_chat.requests
    assert (request.model, request.vllm_xargs) == ("tiny", {"other": 1})
    assert app.state.openai_serving_chat.admitted == []
    body = response.json()
    assert "arrol" not in body
    assert body["usage"]["completion_tokens"] == 30
    assert "reasoning_content" not in body["choices"][0]["message"]


def test_a_search_answers_with_its_report_true_usage_and_headers() -> None:
    app = make_app()
    response = asyncio.run(ask(app, {"arrol": {"samples": 4}, "vllm_xargs": {"other": 1}}))
    body = response.json()
    assert response.status_code == 200
    assert body["arrol"]["answer"] == "1/2"
    assert body["usage"]["completion_tokens"] == 100
    assert body["choices"][0]["message"]["reasoning_content"] == "half"
    assert response.headers["x-arrol-generated-tokens"] == "100"
    assert app.state.openai_serving_chat.admitted == [4]
    (request,) = app.state.openai_serving_chat.requests
    assert set(request.vllm_xargs) == {"other"}


def test_an_alias_is_answered_under_its_own_name() -> None:
    app = make_app()
    response = asyncio.run(ask(app, {"model": "tiny-vote16"}))
    assert response.json()["model"] == "tiny-vote16"
    assert app.state.openai_serving_chat.requests[0].model == "tiny"
    assert app.state.openai_serving_chat.admitted == [16]


def test_a_header_alone_asks_for_a_search() -> None:
    response = asyncio.run(ask(make_app(), {}, **{"X-Arrol-Samples": "4"}))
    assert response.json()["arrol"]["applied"] is True


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"arrol": {"samples": 4}, "temperature": 0}, "temperature"),
        ({"arrol": {"samples": 4}, "n": 5}, "n"),
        ({"arrol": {"samples": 4}, "n": 0}, "n"),
        ({"arrol": {"samples": 4}, "use_beam_search": True}, "use_beam_search"),
        ({"arrol": {"samples": 4}, "best_of": 4}, "best_of"),
        ({"arrol": {"samples": 4}, "echo": True}, "echo"),
        ({"arrol": {"samples": 4}, "prompt_logprobs": 1}, "prompt_logprobs"),
        ({"arrol": {"samples": 4}, "prompt_logprobs": 0}, "prompt_logprobs"),
        ({"arrol": {"samples": 4}, "top_k": 1}, "top_k"),
        ({"arrol": {"samples": 4}, "samples": 8}, "samples"),
        ({"arrol": {"samples": 4}, "arol": {"samples": 8}}, "arol"),
        ({"arol": {"samples": 8}}, "arol"),
        ({"arrol": {"samples": 4, "prune": {"probes": [24, 512]}}}, "arrol.prune.probes"),
        (
            {"arrol": {"samples": 4, "prune": {"probes": [9]}}, "max_tokens": 9},
            "arrol.prune.probes",
        ),
        ({"arrol": {"samples": 4}, "kv_transfer_params": {"a": 1}}, "kv_transfer_params"),
        ({"arrol": {"samples": 4, "stream": "progress"}}, "arrol.stream"),
        ({"arrol": {"sampels": 4}}, "arrol.sampels"),
        ({"arrol": "yes"}, "arrol"),
        ({"vllm_xargs": {"arrol": "x"}}, "vllm_xargs.arrol"),
        ({"vllm_xargs": {"arrol_ticket": "x"}}, "vllm_xargs.arrol_ticket"),
        ({"messages": "hi"}, "messages"),
    ],
)
def test_what_a_search_cannot_do_is_refused(body: dict[str, Any], param: str) -> None:
    app = make_app()
    response = asyncio.run(ask(app, body))
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
    assert app.state.openai_serving_chat.requests == []


@pytest.mark.parametrize(
    "fields",
    [
        {"verbosity": "low", "thinking": {"type": "enabled"}, "enable_thinking": True},
        {"prediction": {"type": "content", "content": "x"}, "modalities": ["text"]},
        {"prompt_cache_retention": "24h", "functions": [], "never_heard_of": None, "samples": None},
        {"use_beam_search": False, "echo": False, "suffix": "", "prompt_logprobs": None},
    ],
)
def test_what_vllm_ignores_in_a_plain_request_it_ignores_in_a_search(
    fields: dict[str, Any],
) -> None:
    response = asyncio.run(ask(make_app(), {"model": "tiny-vote16"} | fields))
    assert response.json()["arrol"]["applied"] is True


def test_probes_of_the_server_that_nobody_reaches_are_said() -> None:
    found = asyncio.run(ask(make_app(), {"model": "tiny-prune16", "max_tokens": 24})).json()
    assert found["arrol"]["note"].startswith("Nothing was pruned: a candidate has at most 24")
    found = asyncio.run(ask(make_app(), {"model": "tiny-prune16", "max_tokens": 25})).json()
    assert "note" not in found["arrol"]


def test_an_alias_may_say_what_temperature_0_becomes() -> None:
    app = make_app()
    found = asyncio.run(ask(app, {"model": "tiny-vote16", "temperature": 0})).json()
    assert found["arrol"]["temperature"] == app.state.openai_serving_chat.requests[0].temperature
    assert found["arrol"]["temperature"] == 0.7
    found = asyncio.run(ask(app, {"model": "tiny-vote16", "temperature": 0.2})).json()
    assert "temperature" not in found["arrol"]
    assert app.state.openai_serving_chat.requests[1].temperature == 0.2


@pytest.mark.parametrize("key", ["samples", "model", "role"])
def test_a_key_that_stands_twice_is_refused(key: str) -> None:
    body = json.dumps(ASK | {"arrol": {"samples": 4}}).replace(f'"{key}":', f'"{key}": 1, "{key}":')
    app = make_app()
    response = asyncio.run(send(app, body.encode()))
    assert response.status_code == 400
    assert response.json()["error"]["param"] == key
    assert "twice" in response.json()["error"]["message"]


def test_an_empty_body_is_called_empty() -> None:
    error = asyncio.run(send(make_app(), b"")).json()["error"]
    assert "body is empty" in error["message"]


def test_messages_do_not_repeat_what_is_huge() -> None:
    response = asyncio.run(ask(make_app(), {"logit_bias": {f"k{i}": "x" for i in range(100_000)}}))
    assert response.status_code == 400
    assert len(response.content) < 4000


def test_a_stream_carries_the_report_on_its_finish_chunk() -> None:
    response = asyncio.run(ask(make_app(), {"arrol": {"samples": 4}, "stream": True}))
    assert response.headers["x-arrol-applied"] == "true"
    opening, thought, finish = chunks(response.text)
    assert opening["choices"][0]["delta"] == {"role": "assistant"}
    assert thought["choices"][0]["delta"]["reasoning_content"] == "half"
    assert finish["arrol"]["samples"]["pruned"] == 1
    assert "usage" not in finish


def test_a_stream_with_usage_carries_the_report_there() -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    response = asyncio.run(ask(make_app(), {"arrol": {"samples": 4}, **options}))
    *others, last = chunks(response.text)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 100
    assert last["arrol"]["answer"] == "1/2"
    *before, finish = others
    assert finish["arrol"] == finish["choices"][0]["delta"]["arrol"] == last["arrol"]
    assert all("arrol" not in chunk for chunk in before)


def test_candidates_are_not_repeated_in_the_delta() -> None:
    body = {"arrol": {"samples": 4, "return": "candidates"}, "stream": True}
    finish = chunks(asyncio.run(ask(make_app(), body)).text)[-1]
    assert len(finish["arrol"]["candidates"]) == 4
    assert finish["choices"][0]["delta"]["arrol"]["answer"] == "1/2"
    assert "candidates" not in finish["choices"][0]["delta"]["arrol"]


def test_choices_that_found_no_answer_never_open() -> None:
    body = {"arrol": {"samples": 4}, "stream": True, "n": 4}
    found = chunks(asyncio.run(ask(make_app(), body)).text)
    opened = [c["choices"][0]["index"] for c in found if "role" in c["choices"][0]["delta"]]
    closed = [c["choices"][0]["index"] for c in found if c["choices"][0].get("finish_reason")]
    assert opened == closed == [0, 1]


def test_progress_chunks_are_empty_deltas() -> None:
    body = {"model": "tiny-vote16", "arrol": {"stream": "progress"}, "stream": True}
    _, progress, *_ = chunks(asyncio.run(ask(make_app(), body)).text)
    assert progress == {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": progress["created"],
        "model": "tiny-vote16",
        "choices": [{"index": 0, "delta": {}, "finish_reason": None}],
        "arrol": {
            "progress": {
                "elapsed_ms": 40,
                "tokens": 5,
                "saved_estimate": 0,
                "running": 4,
                "finished": 0,
                "pruned": 0,
                "waves": 1,
                "leader": None,
                "agreement": None,
                "confidence": None,
                "plan": progress["arrol"]["progress"]["plan"],
                "candidates": [
                    {"index": 0, "wave": 0, "fate": "queued", "tokens": 0, "probes": []},
                    {"index": 1, "wave": 0, "fate": "queued", "tokens": 0, "probes": []},
                    {"index": 2, "wave": 0, "fate": "running", "tokens": 5, "probes": []},
                    {"index": 3, "wave": 0, "fate": "queued", "tokens": 0, "probes": []},
                ],
            }
        },
    }


def test_a_silent_stream_is_kept_alive() -> None:
    app = make_app(HEADED.model_copy(update={"keep_alive_s": 0.02}))
    app.state.openai_serving_chat.seconds = 0.1
    text = asyncio.run(ask(app, {"arrol": {"samples": 4}, "stream": True})).text
    assert text.count(": keep-alive\ndata: ") >= 1  # no empty event comes of it
    assert ": keep-alive\n\n" not in text
    assert text.count(": keep-alive\n") >= 2
    assert chunks(text)[-1]["arrol"]["answer"] == "1/2"


def test_keep_alives_may_be_chunks() -> None:
    app = make_app(HEADED.model_copy(update={"keep_alive_s": 0.02, "keep_alive": "chunk"}))
    app.state.openai_serving_chat.seconds = 0.1
    text = asyncio.run(ask(app, {"arrol": {"samples": 4}, "stream": True})).text
    silent = [c for c in chunks(text) if c["choices"][0]["delta"] == {}]
    assert len(silent) >= 2
    assert all(c["choices"][0]["finish_reason"] is None for c in silent)
    assert ": keep-alive" not in text


def test_a_late_failure_ends_the_stream_in_our_shape() -> None:
    app = make_app()
    app.state.openai_serving_chat.failure = DeadlineExceeded("Late.", param="arrol.deadline_s")
    _, last = chunks(asyncio.run(ask(app, {"arrol": {"samples": 4}, "stream": True})).text)
    assert last == {
        "error": {
            "message": "Late.",
            "type": "timeout_error",
            "param": "arrol.deadline_s",
            "code": "deadline_exceeded",
        }
    }


@pytest.mark.parametrize("keep_alive_s", [0.0, 10.0])
def test_a_client_that_leaves_ends_the_search_at_once(keep_alive_s: float) -> None:
    app = make_app(HEADED.model_copy(update={"keep_alive_s": keep_alive_s}))
    serving = app.state.openai_serving_chat
    serving.seconds = 60.0

    async def leave_after_the_opening() -> None:
        left, sent = asyncio.Event(), asyncio.Event()
        payload = json.dumps(ASK | {"arrol": {"samples": 4}, "stream": True}).encode()
        messages = [{"type": "http.request", "body": payload, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message.get("body", b"").startswith(b"data: "):
                sent.set()

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
            "asgi": {"version": "3.0", "spec_version": "2.3"},
        }
        call = asyncio.create_task(app(scope, receive, send))
        await asyncio.wait_for(sent.wait(), 5)
        left.set()
        await asyncio.wait_for(serving.closed.wait(), 1)
        await asyncio.wait_for(call, 1)

    asyncio.run(leave_after_the_opening())


def test_models_lists_aliases_under_the_model_they_stand_for() -> None:
    async def fetch() -> tuple[Any, Any, Any]:
        transport = httpx.ASGITransport(make_app())
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            names = ("", "/tiny-vote16", "/nothing")
            return tuple([(await client.get(f"/v1/models{name}")) for name in names])  # type: ignore[return-value]

    listed, one, missing = asyncio.run(fetch())
    assert [card["id"] for card in listed.json()["data"]] == [
        "tiny",
        "tiny-fast",
        "tiny-balanced",
        "tiny-best",
        "tiny-vote16",
        "tiny-prune16",
    ]
    card = one.json()
    assert (card["root"], card["parent"], card["max_model_len"]) == ("tiny", "tiny", 512)
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"
