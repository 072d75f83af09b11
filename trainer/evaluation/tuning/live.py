"""The engine that a server would have, without its HTTP side: it samples whole groups, and runs searches."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from vllm.sampling_params import RequestOutputKind, SamplingParams

from arrol_serve.answers.book import AnswerBook
from arrol_serve.answers.pool import AnswerPool
from arrol_serve.engine.candidates import EngineCall, EngineCandidates
from arrol_serve.engine.plugin.wire import GroupPlan
from arrol_serve.engine.watch import StepWatch
from arrol_serve.pipeline import SearchOutcome, search
from arrol_serve.rollout import Rollout
from arrol_serve.sampling_plan import SearchPlan
from arrol_serve.sampling_plan.groups import group_plan
from trainer.engines.opening import Encoder
from trainer.engines.sampling import build_async_engine
from trainer.engines.sized import build_sized_engine
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import Reply
from trainer.evaluation.sampling import Settings, seed_of
from trainer.evaluation.tuning.engine_time import EngineTime, measure

T = TypeVar("T")
AHEAD = 2
"""Engine-fulls of candidates under way at once, so that it never runs dry."""


class LiveEngine:
    """vLLM's asynchronous engine with the plugin; its event loop has a thread of its own."""

    def __init__(
        self,
        model: Path,
        head: Path,
        settings: Settings,
        questions: Sequence[Item],
        max_model_len: int | None = None,
        sequences: int = 128,
    ) -> None:
        """``questions``: all that will be asked. Raises like ``build_sized_engine``."""
        template, chats = settings.chat.template, settings.chats(questions)
        self._settings, self._encode = settings, Encoder(model, template)
        self._sequences = sequences
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

        async def start() -> Any:
            return build_sized_engine(
                model, head, chats, settings.max_tokens, max_model_len,
                build=build_async_engine, sequences=sequences, template=template,
            )  # fmt: skip

        self.client = self._run(start())
        self._watch = StepWatch(self.client)

    def close(self) -> None:
        """End the engine, and whatever it still does in its loop."""

        async def end() -> None:
            self.client.shutdown()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def sample(self, items: Sequence[Item], probes: Sequence[int]) -> list[list[Reply]]:
        """``settings.samples`` unpruned rollouts of each question, scored at ``probes`` and at their end."""
        plan = GroupPlan(
            search="",
            size=self._settings.samples,
            candidates=self._settings.samples,
            probes=tuple(probes),
            signals=("quality",),
        )

        async def one(item: Item) -> list[Reply]:
            candidates = EngineCandidates(self.client, self._call(item), plan)
            try:
                await candidates.launch(range(self._settings.samples))
                ended = [rollout async for rollout in candidates.until_all_ended()]
            finally:
                await candidates.close()
            return [_reply(rollout) for rollout in sorted(ended, key=lambda r: r.index)]

        return self._run(_some_at_once(one, items, self._sequences, self._settings.samples))

    def time(self, item: Item, at_once: int) -> EngineTime:
        """Where this engine's time goes, with prompts like the item's."""
        longest = self._settings.max_tokens
        return measure(partial(self._seconds, item), self._sequences, at_once, longest)

    def _seconds(self, item: Item, candidates: int, tokens: int) -> float:
        """[s] in which so many plain candidates of a question generate so many tokens each, all at once."""
        plain = self._call(item)
        params = copy(plain.params)
        params.max_tokens, params.ignore_eos, params.stop = tokens, True, []
        params.output_kind = RequestOutputKind.FINAL_ONLY

        async def one(number: int) -> None:
            name = f"timed/{time.monotonic_ns()}/{number}"
            async for _ in self.client.generate(plain.prompt, copy(params), name):
                pass

        async def all_of_them() -> float:
            began = time.perf_counter()
            await asyncio.gather(*map(one, range(candidates)))
            return time.perf_counter() - began

        return self._run(all_of_them())

    def search(
        self,
        items: Sequence[Item],
        plan: SearchPlan,
        pool: AnswerPool,
        tell: Callable[[], object] = lambda: None,
    ) -> list[SearchOutcome]:
        """The plan really run on each question, by the server's own pipeline. Rollout i of a question is
        the same as in ``sample``. ``tell`` is called after each.
        """

        async def one(item: Item) -> SearchOutcome:
            watch = None if plan.stop_rule is None else self._watch
            call = self._call(item)
            candidates = EngineCandidates(self.client, call, group_plan(plan), watch)
            outcome = await search(candidates, AnswerBook(pool, plan.answer), plan)
            tell()
            return outcome

        return self._run(_some_at_once(one, items, self._sequences, plan.at_once))

    def _call(self, item: Item) -> EngineCall:
        settings = self._settings
        params = SamplingParams(
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=settings.top_k,
            max_tokens=settings.max_tokens,
            seed=seed_of(settings, item.id),
            stop=list(settings.chat.stop),
        )
        ids = self._encode(settings.messages(item))
        return EngineCall({"prompt_token_ids": ids}, params, item.id, {})

    def _run(self, job: Coroutine[Any, Any, T]) -> T:
        waiting = asyncio.run_coroutine_threadsafe(job, self._loop)
        try:
            return waiting.result()
        except BaseException:  # Ctrl-C too: the loop must not go on without us
            waiting.cancel()
            raise


async def _some_at_once(
    one: Callable[[Item], Coroutine[Any, Any, T]],
    items: Sequence[Item],
    sequences: int,
    candidates: int,
) -> list[T]:
    gate = asyncio.Semaphore(max(1, AHEAD * sequences // candidates))

    async def guarded(item: Item) -> T:
        async with gate:
            return await one(item)

    return await asyncio.gather(*map(guarded, items))


def _reply(rollout: Rollout) -> Reply:
    return Reply(
        rollout.text,
        rollout.token_count,
        rollout.fate,
        quality=rollout.quality,
        probes=tuple((probe.tokens, float(f"{probe.score:.6g}")) for probe in rollout.probes),
    )
