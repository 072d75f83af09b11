"""The stream of a search: its chunks, its report, its end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from arrol_serve.errors import DeadlineExceeded
from tests.unit.api.searches import HEADED
from tests.unit.api.stand_in import ASK, ask, make_app


def chunks(text: str) -> list[dict[str, Any]]:
    lines = [part.removeprefix("data: ") for part in text.split("\n\n") if part]
    assert lines[-1] == "[DONE]"
    return [json.loads(part) for part in lines[:-1] if not part.startswith(":")]


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
