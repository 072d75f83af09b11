"""A picture goes to the engine with the first candidate of a search, and again to one that missed it."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncGenerator
from typing import Any

import torch
from vllm.multimodal.cache import LruKeyReplicatedSenderCache, MultiModalProcessorOnlyCache
from vllm.multimodal.inputs import (
    MultiModalFieldElem,
    MultiModalKwargsItem,
    MultiModalKwargsItems,
    MultiModalSharedField,
)
from vllm.outputs import CompletionOutput, RequestOutput
from vllm.sampling_params import SamplingParams

from arrol_serve.engine.candidates import EngineCall, EngineCandidates
from arrol_serve.engine.pictures import for_sibling
from arrol_serve.engine.plugin.wire import GroupPlan
from arrol_serve.rollout import Fate

GB = 1e-5
"""Room for one picture of two thousand numbers, and no second."""


def prompt(name: str, numbers: int = 2000) -> dict[str, Any]:
    elem = MultiModalFieldElem(data=torch.zeros(numbers), field=MultiModalSharedField(batch_size=1))
    item = MultiModalKwargsItem({"pixel_values": elem})
    return {
        "type": "multimodal",
        "prompt_token_ids": [1, 2, 3],
        "mm_kwargs": MultiModalKwargsItems({"image": [item]}),
        "mm_hashes": {"image": [name]},
        "mm_placeholders": {"image": []},
    }


class Engine:
    """A client of an engine that has, or has not, kept what the first candidate brought."""

    def __init__(
        self, *, keeps: bool, cache: Any = LruKeyReplicatedSenderCache, room: float = GB
    ) -> None:
        config = Namespace(mm_processor_cache_gb=room)
        mirror = cache(Namespace(get_multimodal_config=lambda: config))
        self.renderer, self.keeps = Namespace(mm_processor_cache=mirror), keeps
        self.brought: list[bool] = []
        self.names: list[str] = []

    def render(self, asked: dict[str, Any]) -> dict[str, Any]:
        """As vLLM's: the mirror takes note of what is about to be sent."""
        item = asked["mm_kwargs"]["image"][0]
        self.renderer.mm_processor_cache.get_and_update_item(
            (item, []), asked["mm_hashes"]["image"][0]
        )
        return asked

    async def generate(
        self, asked: Any, _: SamplingParams, request_id: str
    ) -> AsyncGenerator[RequestOutput, None]:
        has = asked["mm_kwargs"]["image"][0] is not None
        self.brought.append(has)
        self.names.append(request_id)
        reason = "stop" if has or self.keeps else "error"
        ended = CompletionOutput(0, "4", [7], None, None, finish_reason=reason)
        yield RequestOutput(request_id, None, [1, 2, 3], None, [ended], finished=True)


def fates(engine: Engine, asked: dict[str, Any], waves: int = 1) -> list[Fate]:
    async def run() -> list[Fate]:
        call = EngineCall(asked, SamplingParams(), "r", {})
        candidates = EngineCandidates(engine, call, GroupPlan("g", 3, 3))
        found = []
        for wave in range(waves):
            await candidates.launch(range(3 * wave, 3 * wave + 3))
            found += [rollout.fate async for rollout in candidates.until_all_ended()]
        return found

    return asyncio.run(run())


def test_the_first_candidate_brings_it_and_no_other_of_any_wave() -> None:
    engine = Engine(keeps=True)
    assert fates(engine, engine.render(prompt("a")), waves=2) == [Fate.FINISHED] * 6
    assert engine.brought == [True, *[False] * 5]


def test_who_misses_it_is_sent_again_with_it() -> None:
    engine = Engine(keeps=False)
    assert fates(engine, engine.render(prompt("a"))) == [Fate.FINISHED] * 3
    assert sorted(engine.brought) == [False, False, True, True, True]
    assert len(set(engine.names)) == 3


def test_what_the_cache_cannot_hold_or_has_pushed_out_is_sent_with_each() -> None:
    engine = Engine(keeps=True)
    large, first = engine.render(prompt("large", 10_000)), engine.render(prompt("first"))
    assert for_sibling(large, engine) is large
    assert for_sibling(first, engine)["mm_kwargs"]["image"] == [None]
    engine.render(prompt("second"))
    assert for_sibling(first, engine) is first


def test_a_candidate_makes_its_picture_the_latest() -> None:
    """As the engine does, which must push out the same ones."""
    engine = Engine(keeps=True, room=2 * GB)
    first, _ = engine.render(prompt("first")), engine.render(prompt("second"))
    for_sibling(first, engine)
    engine.render(prompt("third"))
    assert engine.renderer.mm_processor_cache.is_cached(["first", "second"]) == [True, False]


def test_other_caches_and_other_prompts_are_left_alone() -> None:
    engine = Engine(keeps=True, cache=MultiModalProcessorOnlyCache)
    shown, text = engine.render(prompt("a")), {"type": "token", "prompt_token_ids": [1]}
    assert for_sibling(shown, engine) is shown
    assert for_sibling(text, engine) is text
    assert for_sibling("text", engine) == "text"
