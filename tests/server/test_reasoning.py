"""Reasoning fields, on a server with one of vLLM's reasoning parsers.

The bundled model does not think, so a copy of it gets the two tags in its vocabulary, in the place of
bytes that no text holds, and a grammar makes it write them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from tests.server.conftest import start

TAGS = {"<think>": "Ā", "</think>": "Ă"}
GRAMMAR = {"regex": r"<think>[0-9]{2}</think>\\boxed\{4[12]\}"}
STRUCTURED = {"backend": "xgrammar", "enable_in_reasoning": True}
MESSAGES: Any = [{"role": "user", "content": "What is 6*7?"}]
EXTRA = {"structured_outputs": GRAMMAR, "arrol": {"samples": 6}}


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    folder = tmp_path_factory.mktemp("thinker")
    model = folder / "model"
    shutil.copytree(MODEL, model)
    _add_tags(model / "tokenizer.json")
    options = ["--served-model-name", MODEL_NAME, "--head", str(HEADS / MODEL_NAME)]
    options += ["--dtype", "float32", "--max-model-len", "512", "--enforce-eager"]
    options += ["--reasoning-parser", "qwen3"]
    options += ["--structured-outputs-config", json.dumps(STRUCTURED)]
    process, server = start(folder / "server.log", str(model), *options)
    with server.client() as client:
        yield client
    process.terminate()
    assert process.wait(60) == 0


def _add_tags(path: Path) -> None:
    tokenizer = json.loads(path.read_text())
    vocabulary = tokenizer["model"]["vocab"]
    for tag, byte in TAGS.items():
        vocabulary[tag] = vocabulary.pop(byte)
        flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
        tokenizer["added_tokens"].append({"id": vocabulary[tag], "content": tag, **flags})
    path.write_text(json.dumps(tokenizer))


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
