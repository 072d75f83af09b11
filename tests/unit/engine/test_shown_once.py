"""A picture goes to the engine with the first candidate of a search, and again to one that missed it."""

from __future__ import annotations

import asyncio
import random
from argparse import Namespace
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import torch
from vllm.multimodal.cache import (
    LruKeyReplicatedReceiverCache,
    LruKeyReplicatedSenderCache,
    MultiModalProcessorOnlyCache,
)
from vllm.multimodal.inputs import (
    MultiModalFieldElem,
    MultiModalKwargsItem,
    MultiModalKwargsItems,
    MultiModalSharedField,
)
from vllm.outputs import CompletionOutput, RequestOutput
from vllm.sampling_params import SamplingParams

from arrol_serve.engine.candidates import EngineCall, EngineCandidates
from arrol_serve.engine.pictures import Shown
from arrol_serve.engine.plugin.wire import GroupPlan
from arrol_serve.errors import EngineUnavailable
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
        self.config: Any = Namespace(get_multimodal_config=lambda: config)
        self.mirror = cache(self.config)
        self.renderer, self.keeps = Namespace(mm_processor_cache=self.mirror), keeps
        self.brought: list[bool] = []
        self.names: list[str] = []

    def render(self, asked: dict[str, Any]) -> dict[str, Any]:
        """As vLLM's: the mirror takes note of a picture, and takes it for sent."""
        item, name = asked["mm_kwargs"]["image"][0], asked["mm_hashes"]["image"][0]
        brought, _ = self.mirror.get_and_update_item((item, []), name)
        return asked | {"mm_kwargs": MultiModalKwargsItems({"image": [brought]})}

    def show(self, name: str) -> Shown:
        """Of a request that is sent."""
        shown = Shown(self.render(prompt(name)), self)
        shown.first()
        return shown

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
    large = engine.render(prompt("large", 10_000))
    assert Shown(large, engine).again() is large
    first = engine.show("first")
    assert first.again()["mm_kwargs"]["image"] == [None]
    engine.show("second")
    assert first.again() is first.whole()


def test_other_caches_and_other_prompts_are_left_alone() -> None:
    engine = Engine(keeps=True, cache=MultiModalProcessorOnlyCache)
    for asked in (engine.render(prompt("a")), {"type": "token", "prompt_token_ids": [1]}, "text"):
        assert Shown(asked, engine).again() is asked


def test_what_was_not_sent_must_be_brought_by_the_next() -> None:
    engine = Engine(keeps=True)
    Shown(engine.render(prompt("a")), engine)
    assert engine.render(prompt("a"))["mm_kwargs"]["image"] != [None]


def test_what_left_the_cache_before_it_is_asked_for_is_said() -> None:
    engine = Engine(keeps=True)
    engine.show("a")
    waits = Shown(engine.render(prompt("a")), engine)
    engine.show("b")
    with pytest.raises(EngineUnavailable, match="send the request again"):
        waits.first()


@pytest.mark.parametrize("seed", range(20))
def test_the_mirror_holds_what_the_engine_does(seed: int) -> None:
    """Requests wait, get their turn in any order, or are refused."""
    chance, engine = random.Random(seed), Engine(keeps=True, room=100 * GB)
    receiver = LruKeyReplicatedReceiverCache(engine.config)
    waiting: list[Shown] = []
    for _ in range(100):
        waiting.append(Shown(engine.render(prompt(str(chance.randrange(20)))), engine))
        chance.shuffle(waiting)
        if len(waiting) > 4:
            waiting.pop()  # refused
        for _ in range(chance.randrange(min(3, len(waiting) + 1))):
            going = waiting.pop()
            receive(receiver, going.first())
            receive(receiver, going.again())
            assert set(engine.mirror._cache) == set(receiver._cache)


def receive(receiver: Any, asked: dict[str, Any]) -> None:
    """As the engine does; raises if it has not what the prompt does not bring."""
    ((name,),) = asked["mm_hashes"].values()
    receiver.touch_receiver_cache_item(name, asked["mm_kwargs"]["image"][0])
    receiver.get_and_update_item(asked["mm_kwargs"]["image"][0], name)
