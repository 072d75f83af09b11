"""Keep-alives as events (``--keep-alive chunk``) where events have names, as the routes' SDKs read them."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import httpx
import httpx2  # of Anthropic's client
from anthropic import Anthropic
from openai import OpenAI
from openai.types.responses import Response, ResponseCompletedEvent, ResponseCreatedEvent

from arrol_serve.api.reply.streaming import Amender, stream_search
from arrol_serve.api.routes.messages import MessageAmender
from arrol_serve.api.routes.responses import EventAmender
from arrol_serve.api.routes.searching import Asked
from arrol_serve.api.sse import named_event

ASKED = Asked.plainly(Namespace(model="tiny"), None)  # type: ignore[arg-type]
SILENT_S = 0.12
USAGE = {"input_tokens": 9, "output_tokens": 1}
MESSAGE = (
    {
        "type": "message_start",
        "message": {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
        | {"model": "tiny", "stop_reason": None, "stop_sequence": None, "usage": USAGE},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "41"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 1},
    },
    {"type": "message_stop"},
)


def response(**fields: Any) -> Response:
    empty: dict[str, Any] = {"id": "resp_1", "created_at": 5.0, "model": "tiny", "output": []}
    settings = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    return Response.model_validate({"object": "response", **empty, **settings, **fields})


def streamed(items: list[Any], amender: Amender) -> str:
    """The stream of a reply whose first event comes at once, and the rest after a silence."""

    async def chunks() -> AsyncGenerator[Any, None]:
        yield items[0]
        await asyncio.sleep(SILENT_S)
        for item in items[1:]:
            yield item

    async def read() -> str:
        lines = stream_search(chunks(), None, amender, keep_alive_s=0.02, keep_alive="chunk")
        return "".join([line async for line in lines])

    return asyncio.run(read())


def answering(text: str, http: Any) -> Any:
    """A client of the package ``http`` to which a server answers with this stream."""
    headers = {"content-type": "text/event-stream"}
    reply = partial(http.Response, 200, text=text, headers=headers)
    return http.Client(transport=http.MockTransport(lambda _: reply()))


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Name and body of each; fails on whatever is no event."""
    found = []
    for part in text.removesuffix("\n\n").split("\n\n"):
        name, data = part.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_silent_message_is_pinged() -> None:
    text = streamed([named_event(event) for event in MESSAGE], MessageAmender(ASKED))
    names = [name for name, _ in events(text)]
    assert names.count("ping") >= 2
    assert [name for name in names if name != "ping"] == [event["type"] for event in MESSAGE]
    assert next(body for name, body in events(text) if name == "ping") == {"type": "ping"}
    with (
        Anthropic(api_key="x", http_client=answering(text, httpx2), max_retries=0) as client,
        client.messages.stream(model="tiny", max_tokens=9, messages=[]) as stream,
    ):
        assert stream.get_final_text() == "41"


def test_a_silent_response_says_that_it_is_in_progress() -> None:
    said: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant"}
    text: dict[str, Any] = {"type": "output_text", "text": "41", "annotations": []}
    whole = response(
        status="completed", output=[{**said, "status": "completed", "content": [text]}]
    )
    created = ResponseCreatedEvent(
        response=response(status="in_progress"), sequence_number=7, type="response.created"
    )
    done = ResponseCompletedEvent(response=whole, sequence_number=8, type="response.completed")
    found = events(sse := streamed([created, done], EventAmender(ASKED)))
    kept = [body for name, body in found if name == "response.in_progress"]
    assert len(kept) >= 2
    assert [body["response"] for body in kept] == [found[0][1]["response"]] * len(kept)
    assert [body["sequence_number"] for _, body in found] == list(range(len(found)))
    with (
        OpenAI(api_key="x", http_client=answering(sse, httpx), max_retries=0) as client,
        client.responses.stream(model="tiny", input="?") as stream,
    ):
        seen = [event.type for event in stream]
        assert stream.get_final_response().output_text == "41"
    assert seen.count("response.in_progress") == len(kept)
