"""An engine that has lost a picture that the front process believes it has."""

from __future__ import annotations

import asyncio
import gc
from argparse import Namespace
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image
from vllm.outputs import RequestOutput
from vllm.sampling_params import SamplingParams

from arrol_serve.engine.candidates import EngineCall, EngineCandidates
from arrol_serve.engine.plugin.wire import GroupPlan
from arrol_serve.rollout import Fate, Rollout
from tests.seeing_model import make
from trainer.engines.sampling import build_async_engine

pytestmark = pytest.mark.filterwarnings("ignore:Unclosed context:ResourceWarning")  # vLLM's
TEXT = "<|user|><image>What is 12*3+5?<|end|><|assistant|>"
TOKENS = 6
ROOM_GB = 1e-4
"""For some pictures, and not for twenty."""


class Client:
    """The engine's, and what is sent to it."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.brought: list[bool] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def generate(
        self, asked: Any, params: SamplingParams, request_id: str
    ) -> AsyncGenerator[RequestOutput, None]:
        self.brought.append(asked["mm_kwargs"]["image"][0] is not None)
        found: AsyncGenerator[RequestOutput, None] = self.inner.generate(asked, params, request_id)
        return found

    async def forget(self) -> None:
        """The engine alone: the front process is not told."""
        await self.inner.engine_core.reset_mm_cache_async()


@dataclass
class Search:
    """Of two candidates, and later of three more."""

    client: Client
    candidates: EngineCandidates
    rollouts: list[Rollout]

    async def wave(self, indices: Sequence[int]) -> None:
        await self.candidates.launch(indices)
        self.rollouts += [rollout async for rollout in self.candidates.until_all_ended()]

    def seen(self) -> Namespace:
        """What each candidate said, and who was sent with the picture since it was asked last."""
        brought, self.client.brought = self.client.brought, []
        ended = sorted(self.rollouts, key=lambda rollout: rollout.index)
        return Namespace(
            brought=brought,
            texts=[rollout.text for rollout in ended],
            fates=[rollout.fate for rollout in ended],
        )


async def begin(client: Client, number: int) -> Search:
    noise = numpy.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=numpy.uint8)
    asked = {"prompt": TEXT, "multi_modal_data": {"image": Image.fromarray(noise)}}
    (prompt,) = await client.renderer.render_cmpl_async([asked])
    params = SamplingParams(temperature=1.0, seed=5, max_tokens=TOKENS, ignore_eos=True)
    call = EngineCall(prompt, params, f"r{number}", {})
    candidates = EngineCandidates(client, call, GroupPlan("g", 2, 2))
    search = Search(client, candidates, [])
    await search.wave(range(2))
    return search


async def course(model: Path, head: Path) -> dict[str, Namespace]:
    engine = build_async_engine(
        *(model, head),
        sequences=16,
        max_model_len=256,
        limit_mm_per_prompt={"image": 1},
        mm_processor_cache_gb=ROOM_GB,
    )
    try:
        client, found = Client(engine), {}
        for name in ("kept", "reset", "pushed out"):
            await engine.reset_mm_cache()
            await engine.reset_prefix_cache()
            search = await begin(client, 1)
            if name == "reset":
                await client.forget()
            if name == "pushed out":
                for number in range(2, 22):
                    await begin(client, number)
                del client.brought[2:]
            await search.wave(range(2, 5))
            found[name] = search.seen()
        found["the last of the others"] = (await begin(client, 21)).seen()
        await client.forget()
        found["lost before"] = (await begin(client, 21)).seen()
        found["asked again"] = (await begin(client, 21)).seen()
        return found
    finally:
        engine.shutdown()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Namespace]:
    found = asyncio.run(course(*make(tmp_path_factory.mktemp("seeing"))))
    gc.collect()
    return found


def test_a_second_wave_does_not_bring_what_the_engine_has(seen: dict[str, Namespace]) -> None:
    assert seen["kept"].brought == [True, *[False] * 4]


def test_who_misses_it_is_sent_again_with_it(seen: dict[str, Namespace]) -> None:
    assert seen["reset"].brought[:5] == [True, *[False] * 4]
    assert seen["reset"].brought[5:] == [True] * 3


def test_where_others_have_pushed_it_out_it_is_brought_at_once(seen: dict[str, Namespace]) -> None:
    assert seen["pushed out"].brought == [True, False, True, False, False]


@pytest.mark.parametrize("name", ["reset", "pushed out"])
def test_candidates_say_what_they_would_have_said(seen: dict[str, Namespace], name: str) -> None:
    assert seen[name].fates == [Fate.TRUNCATED] * 5
    assert len(set(seen["kept"].texts)) > 1
    assert seen[name].texts == seen["kept"].texts


def test_others_are_not_missed_for_it(seen: dict[str, Namespace]) -> None:
    assert seen["the last of the others"].brought == [False] * 2
    assert seen["the last of the others"].fates == [Fate.TRUNCATED] * 2


def test_what_nobody_can_bring_ends_the_search_and_the_next_one_brings_it(
    seen: dict[str, Namespace],
) -> None:
    assert seen["lost before"].fates == [Fate.CANCELLED] * 2
    assert seen["asked again"].brought == [True, False]
    assert seen["asked again"].fates == [Fate.TRUNCATED] * 2
