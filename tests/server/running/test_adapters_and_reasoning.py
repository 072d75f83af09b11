"""A server with LoRA adapters, each searched with its head or by confidence, a reasoning parser and drafts.

The bundled model does not think by itself: a grammar makes it write the tags.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import torch
from openai import OpenAI
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from tests.engine.drafting import drafting
from tests.server.conftest import Server, start
from tests.starting import stop

HEAD = HEADS / "arrol-tiny"
ASK: Any = [{"role": "user", "content": "What is 12*3+5?"}]
GRAMMAR = {"regex": r"<think>[0-9]{2}</think>\\boxed\{4[12]\}"}
STRUCTURED = {"backend": "xgrammar", "enable_in_reasoning": True}
THINKING: dict[str, Any] = {
    "model": MODEL_NAME,
    "messages": [{"role": "user", "content": "What is 6*7?"}],
    "seed": 1,
    "max_tokens": 60,
    "extra_body": {"structured_outputs": GRAMMAR, "arrol": {"samples": 6}},
}


def adapter(folder: Path) -> str:
    """An adapter that turns the model a little; its folder."""
    torch.manual_seed(0)
    config = LoraConfig(
        r=4, lora_alpha=64, target_modules=["q_proj", "v_proj"], init_lora_weights=False
    )
    get_peft_model(AutoModelForCausalLM.from_pretrained(MODEL), config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("adapters")
    own = folder / "own-head"
    shutil.copytree(HEAD, own)
    card = json.loads((own / "head.json").read_text())
    (own / "head.json").write_text(json.dumps(card | {"id": "own-head", "version": "own"}))
    at = adapter(folder / "lora")
    words = ["--enable-lora", "--max-lora-rank", "8", "--lora-modules", f"own={at}", f"bare={at}"]
    words += ["--head", f"own={own}", "--reasoning-parser", "qwen3"]
    words += ["--structured-outputs-config", json.dumps(STRUCTURED)]
    words += ["--speculative-config", json.dumps(drafting("ngram").speculative_config)]
    process, server = start(folder / "log", *words)
    yield server
    stop(process, server.log)


@pytest.fixture(scope="module")
def adapted(running: Server) -> Iterator[OpenAI]:
    with running.client() as client:
        yield client


def search(client: OpenAI, model: str, **arrol: Any) -> Any:
    options = {"samples": 4, "return": "candidates"} | arrol
    return client.chat.completions.create(
        model=model,
        messages=ASK,
        seed=3,
        max_tokens=60,
        logprobs=True,
        extra_body={"arrol": options},
    )


def test_an_adapter_with_a_head_is_scored_by_it(adapted: OpenAI) -> None:
    base, own = search(adapted, "arrol-tiny"), search(adapted, "own")
    assert base.arrol["head"] == {"id": "arrol-tiny-head", "version": base.arrol["head"]["version"]}
    assert own.arrol["head"] == {"id": "own-head", "version": "own"}
    assert all(c["quality"] is not None for c in own.arrol["candidates"])
    sure = [[one.logprob for one in reply.choices[0].logprobs.content] for reply in (base, own)]
    assert sure[0] != pytest.approx(sure[1], abs=1e-3)  # the adapter answers, not the base model


def test_an_adapter_without_one_is_searched_by_confidence(adapted: OpenAI) -> None:
    found = search(adapted, "bare", prune={"keep": 0.5, "probes": [8]}).arrol
    assert (found["scorer"], found["head"]) == ("confidence", None)
    assert found["samples"]["pruned"] == 2
    assert all(c["quality"] is None for c in found["candidates"])
    with pytest.raises(openai.BadRequestError, match="--head NAME=FOLDER"):
        search(adapted, "bare", scorer="head")


def test_adapters_have_aliases(adapted: OpenAI) -> None:
    listed = {model.id: model for model in adapted.models.list().data}
    assert {"own", "bare", "own-vote16", "own-prune16", "bare-vote16"} <= set(listed)
    reply: Any = adapted.chat.completions.create(model="own-vote16", messages=ASK, max_tokens=30)
    assert reply.model == "own-vote16"
    assert (reply.arrol["head"]["id"], reply.arrol["samples"]["started"]) == ("own-head", 16)


def test_drafts_change_no_answer_and_every_token_is_counted(
    running: Server, adapted: OpenAI
) -> None:
    """On CPUs vLLM's own sampler for drafts writes gibberish."""
    for model in ("arrol-tiny", "own"):
        running.wait_idle()
        before = running.metric("vllm:generation_tokens_total")
        reply = search(adapted, model, samples=8, prune={"keep": 0.5, "probes": [8]})
        after = running.metric("vllm:generation_tokens_total")
        assert reply.usage.completion_tokens == after - before
        assert reply.arrol["samples"]["pruned"] == 4
        if model == "arrol-tiny":
            assert reply.arrol["answer"] == "41"
    assert running.metric("vllm:spec_decode_num_accepted_tokens_total") > 0


def test_the_winner_keeps_its_reasoning_under_both_names(adapted: OpenAI) -> None:
    reply: Any = adapted.chat.completions.create(**THINKING)
    message = reply.choices[0].message
    assert len(message.reasoning) == 2
    assert message.reasoning_content == message.reasoning
    assert message.content == rf"\boxed{{{reply.arrol['answer']}}}"
    assert reply.arrol["answer"] in ("41", "42")


def test_a_stream_keeps_reasoning_and_content_apart(adapted: OpenAI) -> None:
    chunks: Any = adapted.chat.completions.create(**THINKING, stream=True)
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    reasoning = "".join(getattr(delta, "reasoning", None) or "" for delta in deltas)
    mirrored = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert len(reasoning) == 2
    assert mirrored == reasoning
    assert "".join(delta.content or "" for delta in deltas) in (r"\boxed{41}", r"\boxed{42}")
