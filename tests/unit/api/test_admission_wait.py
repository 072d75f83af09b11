"""Waiting for a turn: who is let in, who gives up, and what is left behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest

from arrol_serve import metrics
from arrol_serve.admission.demand import EngineSize, Request
from arrol_serve.admission.queue import Key
from arrol_serve.api.admission import Admission
from arrol_serve.errors import Overloaded

ENGINE = EngineSize(kv_tokens=1000, places=8)
FULL = Request(samples=8, prompt_tokens=10, max_tokens=50, search=True)
PLAIN = Request(samples=1, prompt_tokens=10, max_tokens=50, search=False)


def admission(max_queue_s: float, spent: list[tuple[Key, int]] | None = None) -> Admission:
    said = [] if spent is None else spent
    return Admission(
        ENGINE, load=1.0, max_queue_s=max_queue_s, spend=lambda key, n: said.append((key, n))
    )


def value(name: str) -> float:
    return {"queued": metrics.QUEUED, "load": metrics.LOAD}[name]._value.get()


async def hold(
    queue: Admission, request: Request, until: Callable[[], Awaitable[object]], tokens: int = 0
) -> None:
    async with queue.admit(None, request) as turn:
        await until()
        turn.generated = tokens


def run(scene: Callable[[], Awaitable[None]]) -> None:
    async def timed() -> None:
        async with asyncio.timeout(10):
            await scene()

    asyncio.run(timed())
    assert (value("queued"), value("load")) == (0, 0), "something is left behind"


def test_a_turn_comes_when_the_one_before_ends() -> None:
    async def scene() -> None:
        queue, end = admission(5.0), asyncio.Event()
        first = asyncio.create_task(hold(queue, FULL, end.wait))
        await asyncio.sleep(0)
        second = asyncio.create_task(hold(queue, FULL, lambda: asyncio.sleep(0)))
        await asyncio.sleep(0.05)
        assert (value("queued"), value("load"), second.done()) == (1, 1, False)
        await hold(queue, PLAIN, lambda: asyncio.sleep(0))  # has room of its own
        end.set()
        await asyncio.gather(first, second)

    run(scene)


def test_a_turn_that_does_not_come_in_time_is_refused_with_a_time_to_wait() -> None:
    async def scene() -> None:
        queue, end = admission(0.1), asyncio.Event()
        first = asyncio.create_task(hold(queue, FULL, end.wait))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="did not come within") as refusal:
            await hold(queue, FULL, lambda: asyncio.sleep(0))
        assert refusal.value.retry_after_s >= 1
        end.set()
        await first

    run(scene)


def test_once_the_pace_is_known_long_waits_are_refused_at_the_door() -> None:
    async def scene() -> None:
        queue = admission(0.2)
        await hold(queue, FULL, lambda: asyncio.sleep(0.3))
        end = asyncio.Event()
        first = asyncio.create_task(hold(queue, FULL, end.wait))
        await asyncio.sleep(0.01)
        with pytest.raises(Overloaded, match="would wait for some"):
            queue.admit(None, FULL)
        end.set()
        await first

    run(scene)


def test_turns_not_begun_count_until_they_are_dropped() -> None:
    async def scene() -> None:
        queue = admission(2.5)
        await hold(queue, FULL, lambda: asyncio.sleep(1.0))
        begun_later = [queue.admit(None, FULL) for _ in range(2)]
        with pytest.raises(Overloaded):
            queue.admit(None, FULL)
        begun_later.clear()
        gc.collect()
        await hold(queue, FULL, lambda: asyncio.sleep(0))

    run(scene)


def test_giving_up_leaves_nothing() -> None:
    async def scene() -> None:
        queue, end = admission(5.0), asyncio.Event()
        first = asyncio.create_task(hold(queue, FULL, end.wait))
        await asyncio.sleep(0)
        waiting = [
            asyncio.create_task(hold(queue, FULL, lambda: asyncio.sleep(0))) for _ in range(3)
        ]
        await asyncio.sleep(0.01)
        for task in (waiting[1], first):
            task.cancel()
        await asyncio.gather(first, *waiting, return_exceptions=True)
        assert [task.cancelled() for task in waiting] == [False, True, False]

    run(scene)


def test_tokens_are_charged_to_their_key() -> None:
    spent: list[tuple[Key, int]] = []

    async def scene() -> None:
        await hold(admission(5.0, spent), PLAIN, lambda: asyncio.sleep(0), tokens=42)

    run(scene)
    assert spent == [(None, 42)]
