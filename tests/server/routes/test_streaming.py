"""Streams of searches, as the SDK and as raw bytes see them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.server.conftest import Server

MESSAGES: Any = [{"role": "user", "content": "What is 83*46-17+29?"}]


def stream(client: OpenAI, arrol: dict[str, Any], **fields: Any) -> list[Any]:
    return list(
        client.chat.completions.create(
            model="arrol-tiny",
            messages=MESSAGES,
            stream=True,
            extra_body={"arrol": arrol},
            **fields,
        )
    )


def text(chunks: list[Any]) -> str:
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def test_a_stream_gives_what_the_plain_reply_gives(client: OpenAI) -> None:
    # Unpruned: how many tokens a loser gets depends on when its siblings enter the engine.
    arrol = {"samples": 8}
    whole = client.chat.completions.create(
        model="arrol-tiny", messages=MESSAGES, seed=6, extra_body={"arrol": arrol}
    )
    options = {"include_usage": True}
    chunks = stream(client, arrol, seed=6, stream_options=options)
    assert text(chunks) == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    last = chunks[-1]
    assert last.choices == []
    assert last.usage == whole.usage
    timeless = {"latency_ms": None}
    assert last.arrol | timeless == whole.arrol | timeless
    finish = [
        c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason
    ]
    assert finish == ["stop"]


def test_the_winner_is_streamed_in_tokens(client: OpenAI) -> None:
    chunks = stream(client, {"samples": 4}, seed=6)
    assert sum(bool(c.choices and c.choices[0].delta.content) for c in chunks) > 20


def test_without_usage_the_object_rides_on_the_finish_chunk(client: OpenAI) -> None:
    chunks = stream(client, {"samples": 4}, seed=6)
    assert all(c.usage is None for c in chunks)
    (carrier,) = [c for c in chunks if "arrol" in c.model_extra]
    assert carrier.choices[0].delta.arrol == carrier.arrol
    assert carrier.choices[0].finish_reason == "stop"


def test_progress_chunks_are_safe_for_sdks(client: OpenAI) -> None:
    chunks = stream(client, {"samples": 8, "stream": "progress"}, seed=6)
    events = [c.arrol["progress"] for c in chunks if "progress" in c.model_extra.get("arrol", {})]
    assert events
    assert events[-1]["running"] == 0
    assert [e["finished"] for e in events] == sorted(e["finished"] for e in events)
    assert text(chunks)


def test_keep_alives_come_while_the_search_is_silent(server: Server) -> None:
    body = {"model": "arrol-tiny", "messages": MESSAGES, "stream": True, "arrol": {"samples": 128}}
    headers = {"authorization": f"Bearer {server.key}"}
    with httpx.stream(
        "POST", f"{server.url}/v1/chat/completions", json=body, headers=headers, timeout=60
    ) as reply:
        text = reply.read().decode()
    assert ": keep-alive\n\n" not in text  # which some decoders take for an empty event
    lines = [line for line in text.splitlines() if line]
    assert lines.count(": keep-alive") >= 1
    assert lines[-1] == "data: [DONE]"
    assert json.loads(lines[0].removeprefix("data: "))["choices"][0]["delta"]["role"] == "assistant"


def test_a_bad_request_fails_before_the_stream_starts(server: Server) -> None:
    body = {"model": "arrol-tiny", "messages": MESSAGES, "stream": True, "arrol": {"samples": 0}}
    assert server.post(body).status_code == 400


def test_a_late_failure_is_an_error_event_then_done(server: Server) -> None:
    body = {
        "model": "arrol-tiny",
        "messages": MESSAGES,
        "stream": True,
        "arrol": {"samples": 64, "deadline_s": 0.1},
    }
    lines = [line for line in server.post(body).text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    error = json.loads(lines[-2].removeprefix("data: "))["error"]
    assert error["code"] == "deadline_exceeded"
    server.wait_idle()


@pytest.mark.parametrize("n", [2])
def test_several_choices_stream_with_their_indices(client: OpenAI, n: int) -> None:
    chunks = stream(client, {"samples": 16}, seed=2, temperature=1.6, n=n)
    ended = {c.choices[0].index for c in chunks if c.choices and c.choices[0].finish_reason}
    assert ended in ({0}, {0, 1})
