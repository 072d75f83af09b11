"""What requests have generated is known before they end, on vLLM's own output processor."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from vllm.sampling_params import RequestOutputKind, SamplingParams
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest, FinishReason
from vllm.v1.engine.output_processor import OutputProcessor

from arrol_serve.engine.watch import StepWatch, Tally

NAME = "chosen by two clients"


class Engine:
    """The part of vLLM's client that a step's outputs pass through, and the watch on it."""

    def __init__(self) -> None:
        self.processor = OutputProcessor(None, log_stats=False)
        self.watch = StepWatch(SimpleNamespace(output_processor=self.processor))

    def add(self, inner: str) -> None:
        params = SamplingParams(output_kind=RequestOutputKind.FINAL_ONLY, detokenize=False)
        self.processor.add_request(
            EngineCoreRequest(
                request_id=inner,
                external_req_id=NAME,
                prompt_token_ids=[1],
                mm_features=None,
                sampling_params=params,
                pooling_params=None,
                arrival_time=0.0,
                lora_request=None,
                cache_salt=None,
                data_parallel_rank=None,
            ),
            None,
        )

    def step(self, end: FinishReason | None = None, **new: int) -> None:
        self.processor.process_outputs(
            [
                EngineCoreOutput(name, new_token_ids=[5] * tokens, finish_reason=end)
                for name, tokens in new.items()
            ]
        )


def test_two_requests_of_one_name_are_counted_apart() -> None:
    engine = Engine()

    async def request(*inner: str) -> Tally:
        with engine.watch.counting() as tally:
            for name in inner:
                engine.add(name)
            await asyncio.sleep(0)
            return tally

    async def scene() -> list[Tally]:
        tasks = [asyncio.create_task(request(*names)) for names in (("a", "b"), ("c",))]
        await asyncio.sleep(0)
        engine.add("nobody's")
        engine.step(a=1, b=3, c=10)
        engine.step(a=1, c=10)
        engine.step(FinishReason.STOP, b=1)
        engine.processor.abort_requests(["a"], internal=True)
        engine.step(a=100)  # came too late to be anybody's
        return await asyncio.gather(*tasks)

    assert [tally.tokens for tally in asyncio.run(scene())] == [6, 20]


def test_nothing_is_kept_of_a_request_that_has_ended() -> None:
    engine = Engine()
    with engine.watch.counting() as tally:
        engine.add("a")
    engine.add("b")
    engine.step(a=1, b=1)
    assert tally.tokens == 0
    assert not engine.watch._tallies


def test_a_listener_hears_all_steps_but_the_last() -> None:
    engine, heard = Engine(), list[tuple[int, Any]]()
    engine.watch.follow(NAME, lambda *news: heard.append(news))
    engine.add("a")
    engine.step(a=1)
    engine.step(a=2)
    engine.step(FinishReason.STOP, a=1)
    assert heard == [(1, None), (2, None)]
