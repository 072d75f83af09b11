"""Reasoning fields, on a server with one of vLLM's reasoning parsers.

The bundled model does not think by itself: a grammar makes it write the tags.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from arrol_serve.bundled import MODEL_NAME
from tests.server.conftest import start

GRAMMAR = {"regex": r"<think>[0-9]{2}</think>\\boxed\{4[12]\}"}
STRUCTURED = {"backend": "xgrammar", "enable_in_reasoning": True}
MESSAGES: Any = [{"role": "user", "content": "What is 6*7?"}]
EXTRA = {"structured_outputs": GRAMMAR, "arrol": {"samples": 6}}


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    log = tmp_path_factory.mktemp("thinker") / "server.log"
    options = ["--reasoning-parser", "qwen3"]
    options += ["--structured-outputs-config", json.dumps(STRUCTURED)]
    process, server = start(log, *options)
    with server.client() as client:
        yield client
    process.terminate()
    assert process.wait(60) == 0


def test_the_winner_keeps_its_reasoning_under_both_names(thinker: OpenAI) -> None:
    reply: Any = thinker.chat.completions.create(
        model=MODEL_NAME, messages=MESSAGES, seed=1, max_tokens=60, extra_body=EXTRA
    )
    message = reply.choices[0].message
    assert len(message.reasoning) == 2
    assert message.reasoning_content == message.reasoning
    assert message.content == rf"\boxed{{{reply.arrol['answer']}}}"
    assert reply.arrol["answer"] in ("41", "42")


def test_a_stream_keeps_reasoning_and_content_apart(thinker: OpenAI) -> None:
    chunks: Any = thinker.chat.completions.create(
        model=MODEL_NAME, messages=MESSAGES, seed=1, max_tokens=60, stream=True, extra_body=EXTRA
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    reasoning = "".join(getattr(delta, "reasoning", None) or "" for delta in deltas)
    mirrored = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert len(reasoning) == 2
    assert mirrored == reasoning
    assert "".join(delta.content or "" for delta in deltas) in (r"\boxed{41}", r"\boxed{42}")
