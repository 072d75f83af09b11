"""A search that is asked with a picture: the picture is processed once, however many candidates see it."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI
from PIL import Image

from benchmarks.processes import free_port
from tests.seeing_model import TOKENS_AN_IMAGE, make
from tests.server.conftest import Server, start
from tests.starting import stop

MODEL = "arrol-seeing"
QUESTION = "What is 12*3+5?"
PRUNED = {"samples": 8, "prune": {"keep": 0.5, "probes": [8]}, "return": "candidates"}
WAVES = {"early_stop": {"agreement": 1.0}, "min_samples": 2, "wave_samples": 2}
SPOKEN = {"regex": r"I see \\boxed\{4[12]\}"}
"""A grammar: random weights would say nothing that can be voted on."""


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("seeing")
    model, head = make(folder)
    words = [str(model), "--head", str(head), "--dtype", "float32", "--enforce-eager"]
    words += ["--max-model-len", "256", "--max-num-seqs", "32", "--limit-mm-per-prompt.image", "2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_SERVER_DEV_MODE", "1")  # serves /collective_rpc
        watched = ["--worker-extension-cls", "tests.server.running.eye.Eye"]
        process, server = start(folder / "log", *words, *watched)
    rpc(server, "open_eye")
    yield server
    stop(process, server.log)


@pytest.fixture
def client(seeing: Server) -> Iterator[OpenAI]:
    with seeing.client() as client:
        yield client


def picture(number: int) -> str:
    """A PNG of noise."""
    noise = numpy.random.default_rng(number).integers(0, 256, (40, 48, 3), dtype=numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def url(number: int) -> str:
    return f"data:image/png;base64,{picture(number)}"


def asked(*pictures: str) -> Any:
    shown = [{"type": "image_url", "image_url": {"url": one}} for one in pictures]
    return [{"role": "user", "content": [*shown, {"type": "text", "text": QUESTION}]}]


def ask(
    client: OpenAI, arrol: object, *pictures: str, stop: list[int] | None = None, **fields: Any
) -> Any:
    options = {"model": MODEL, "seed": 5, "max_tokens": 60, "logprobs": True} | fields
    more = {"arrol": arrol, "structured_outputs": SPOKEN, "stop_token_ids": stop}
    return client.chat.completions.create(messages=asked(*pictures), extra_body=more, **options)


def rpc(server: Server, method: str) -> Any:
    reply = httpx.post(
        f"{server.url}/collective_rpc",
        json={"method": method},
        headers={"authorization": f"Bearer {server.key}"},
        timeout=60,
    )
    (said,) = reply.raise_for_status().json()["results"]
    return said


def eye(server: Server) -> int:
    """How many pictures the image encoder has looked at since it was asked last."""
    return int(rpc(server, "looked"))


def looked_up(server: Server, at_least: float) -> float:
    """How many images have been through the image processor, or were found in its cache."""
    end = time.monotonic() + 20
    while (count := server.metric("vllm:mm_cache_queries_total")) < at_least:
        assert time.monotonic() < end, count
        time.sleep(0.1)
    return count


def sure(reply: Any) -> list[float]:
    return [one.logprob for one in reply.choices[0].logprobs.content]


def test_a_pruned_search_processes_its_picture_once(seeing: Server, client: OpenAI) -> None:
    eye(seeing)
    before = looked_up(seeing, 0)
    reply = ask(client, PRUNED, url(1))
    assert (reply.arrol["samples"]["started"], reply.arrol["samples"]["pruned"]) == (8, 4)
    assert reply.arrol["head"]["id"] == "seeing-head"
    assert all(row["quality"] is not None for row in reply.arrol["candidates"])
    assert eye(seeing) == 1
    assert looked_up(seeing, before + 1) == before + 1


def test_waves_of_a_search_share_it(seeing: Server, client: OpenAI) -> None:
    eye(seeing)
    reply = ask(client, {"samples": 16, **WAVES}, url(2))
    assert reply.arrol["waves"] > 1
    assert eye(seeing) == 1


def test_what_is_seen_is_voted_on(client: OpenAI) -> None:
    found = ask(client, {"samples": 8}, url(2)).arrol
    assert sum(vote["count"] for vote in found["votes"]) == 8
    assert {vote["answer"] for vote in found["votes"]} <= {"41", "42"}


def test_usage_has_the_pictures_tokens_once(client: OpenAI) -> None:
    plain, searched = ask(client, False, url(3)), ask(client, PRUNED, url(3))
    mute = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": QUESTION}], max_tokens=1
    )
    assert plain.usage.prompt_tokens == mute.usage.prompt_tokens + TOKENS_AN_IMAGE
    assert searched.usage.prompt_tokens == plain.usage.prompt_tokens
    generated = sum(row["tokens"] for row in searched.arrol["candidates"])
    assert searched.usage.completion_tokens == generated


def test_a_seed_gives_the_same_search_of_the_same_picture(client: OpenAI) -> None:
    first, again, other = (ask(client, PRUNED, url(n)) for n in (4, 4, 5))
    ended = [
        [
            (row["fate"], row["text"])
            for row in reply.arrol["candidates"]
            if row["fate"] == "finished"
        ]
        for reply in (first, again, other)
    ]
    assert ended[0] == ended[1]
    assert sure(first) == sure(again)
    assert sure(first) != sure(other)  # what is in the picture matters


def test_candidate_i_is_the_plain_reply_of_its_seed(client: OpenAI) -> None:
    """The candidates see the picture as a plain request does."""
    reply = ask(client, {"samples": 3, "return": "candidates"}, url(6))
    plain = [ask(client, False, url(6), seed=5 + place) for place in range(3)]
    assert [row["tokens"] for row in reply.arrol["candidates"]] == [
        one.usage.completion_tokens for one in plain
    ]
    assert [row["text"] for row in reply.arrol["candidates"]] == [
        one.choices[0].message.content for one in plain
    ]


def test_several_pictures_stand_in_one_prompt(seeing: Server, client: OpenAI) -> None:
    eye(seeing)
    one, two = ask(client, PRUNED, url(7)), ask(client, PRUNED, url(7), url(8))
    assert two.usage.prompt_tokens == one.usage.prompt_tokens + TOKENS_AN_IMAGE
    assert eye(seeing) == 2  # the first one is remembered


def test_a_stream_has_it_too(seeing: Server, client: OpenAI) -> None:
    eye(seeing)
    chunks = list(ask(client, PRUNED | {"stream": "progress"}, url(9), stream=True))
    whole = ask(client, PRUNED, url(9))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].arrol["samples"] == whole.arrol["samples"]
    assert eye(seeing) == 1


def test_responses_and_messages_take_pictures(seeing: Server, client: OpenAI) -> None:
    text = {"type": "input_text", "text": QUESTION}
    shown = {"type": "input_image", "image_url": url(10), "detail": "auto"}
    eye(seeing)
    response: Any = client.responses.create(
        model=MODEL,
        input=[{"role": "user", "content": [shown, text]}],  # type: ignore[list-item]
        max_output_tokens=60,
        extra_body={"arrol": PRUNED, "seed": 5, "structured_outputs": SPOKEN},
    )
    source = {"type": "base64", "media_type": "image/png", "data": picture(10)}
    with Anthropic(base_url=seeing.url, api_key=seeing.key, max_retries=0) as other:
        message: Any = other.messages.create(
            model=MODEL,
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": source},  # type: ignore[typeddict-item]
                        {"type": "text", "text": QUESTION},
                    ],
                }
            ],
            max_tokens=60,
            extra_body={"arrol": PRUNED},
        )
    chat = ask(client, PRUNED, url(10))
    for usage, arrol in ((response.usage, response.arrol), (message.usage, message.arrol)):
        assert usage.input_tokens == chat.usage.prompt_tokens
        assert arrol["samples"]["pruned"] > 0
        assert arrol["tokens"]["prompt"] == usage.input_tokens
    assert eye(seeing) == 1


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (("data:image/png;base64,AAAA",), "image"),
        (("data:text/plain;base64,aGFsbG8=",), "image"),
        (("http://127.0.0.1:9/picture.png",), "could not be fetched"),
        (("file:///etc/hostname",), "--allowed-local-media-path"),
        ((url(1), url(2), url(3)), "2 image"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_picture_that_cannot_be_had_is_refused(
    client: OpenAI, pictures: tuple[str, ...], said: str, stream: bool
) -> None:
    for arrol in (PRUNED, False):
        with pytest.raises(openai.BadRequestError, match=said):
            list(ask(client, arrol, *pictures, stream=stream))


@pytest.mark.parametrize("arrol", [PRUNED, False])
def test_a_request_that_is_refused_leaves_its_picture_to_the_next(
    seeing: Server, client: OpenAI, arrol: object
) -> None:
    """vLLM has taken it for sent by then."""
    shown = url(11 if arrol else 12)
    eye(seeing)
    with pytest.raises(openai.BadRequestError, match="stop_token_ids"):
        ask(client, arrol, shown, stop=[2**64])
    assert ask(client, arrol, shown).choices
    assert eye(seeing) == 1


@pytest.mark.skipif(find_spec("torchvision") is not None, reason="torchvision is there")
def test_a_model_that_needs_torchvision_is_refused_in_a_line(tmp_path: Path) -> None:
    config = {"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    words = [sys.executable, "-m", "arrol_serve", str(tmp_path), "--port", str(free_port())]
    environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1"}
    done = subprocess.run(
        words, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 2
    assert "pip install torchvision" in done.stderr.splitlines()[-1]


def test_nothing_of_it_was_a_fault(seeing: Server) -> None:
    assert "Traceback" not in Path(seeing.log).read_text(errors="replace")
