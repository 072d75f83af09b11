"""The queue before the engine: requests go ahead in a fair order, or learn when to come back."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakSet

from arrol_serve import metrics
from arrol_serve.admission.demand import EngineSize, Lengths, Request, share
from arrol_serve.admission.queue import Entry, FairQueue, Key, Pace
from arrol_serve.errors import Overloaded

LONGEST_RETRY_S = 120


class Admission:
    """One per server. Everything happens on the event loop."""

    def __init__(
        self,
        engine: EngineSize,
        *,
        load: float,
        max_queue_s: float,
        spend: Callable[[Key, int], None],
    ) -> None:
        """``spend`` is called with the tokens that were generated for a key."""
        self._engine, self._max_queue_s, self._spend = engine, max_queue_s, spend
        self._load = load
        self._queue = FairQueue(load)
        self._pace = Pace(time.monotonic())
        self._lengths = {True: Lengths(), False: Lengths()}
        self._turns: dict[Entry, asyncio.Event] = {}
        self._announced: WeakSet[Entry] = WeakSet()
        """Accepted, and not in the queue yet: vLLM starts its streams a little later."""

    def admit(
        self, key: Key, request: Request, patience_s: float | None = None
    ) -> AbstractAsyncContextManager[Turn]:
        """The request's time in the engine, to be entered; entering waits for its turn.

        Raises ``Overloaded`` if it would wait longer than the server allows or ``patience_s``, and on
        entering if its turn did not come in that time. A turn that is dropped unused is forgotten.
        """
        patience_s = min(self._max_queue_s, math.inf if patience_s is None else patience_s)
        mean = self._lengths[request.search].mean
        entry = Entry(key, share(request, self._engine, mean), request.search)
        if self._queue.would_wait(entry) or self._announced:
            announced = sum(other.share for other in self._announced)
            room = min(entry.share, self._load)  # what must end before it goes in
            ahead = self._queue.waiting_share(key) + announced + room
            expected = self._pace.seconds_for(ahead, time.monotonic())
            if expected is not None and expected > patience_s:
                metrics.REFUSED.labels("queue").inc()
                raise _overloaded(f"a new request would wait for some {expected:.0f} s", expected)
        self._announced.add(entry)
        return self._turn(entry, request, patience_s)

    @asynccontextmanager
    async def _turn(self, entry: Entry, request: Request, patience_s: float) -> AsyncIterator[Turn]:
        turn = Turn(
            lambda: self._leave(entry, turn),
            lambda samples: self._grow(entry, replace(request, samples=samples)),
        )
        began = time.monotonic()
        ran = self._turns[entry] = asyncio.Event()
        self._announced.discard(entry)
        try:
            self._wake(self._queue.add(entry))
            await _wait(ran, patience_s)
            turn.waited_s = time.monotonic() - began
            metrics.QUEUE_SECONDS.observe(turn.waited_s)
            yield turn
            if turn.generated:  # requests that are cut short say nothing about lengths
                started = turn.candidates or request.samples
                self._lengths[request.search].saw(turn.generated / started)
        finally:
            self._leave(entry, turn)

    def _grow(self, entry: Entry, request: Request) -> None:
        mean = self._lengths[request.search].mean
        self._queue.grow(entry, share(request, self._engine, mean))
        metrics.LOAD.set(self._queue.in_engine)

    def _leave(self, entry: Entry, turn: Turn) -> None:
        if self._turns.pop(entry, None) is None:
            return
        if entry.running:
            self._pace.ended(entry.share, time.monotonic())
        self._wake(self._queue.end(entry))
        self._spend(entry.key, turn.generated)

    def _wake(self, ready: Iterable[Entry]) -> None:
        for entry in ready:
            self._turns[entry].set()
        full = self._queue.waiting > 0 or self._queue.in_engine >= 1
        self._pace.busy(full, time.monotonic())
        metrics.QUEUED.set(self._queue.waiting)
        metrics.LOAD.set(self._queue.in_engine)


async def _wait(ran: asyncio.Event, patience_s: float) -> None:
    try:
        async with asyncio.timeout(patience_s):
            await ran.wait()
    except TimeoutError:
        metrics.REFUSED.labels("wait").inc()
        waited = f"the request's turn did not come within {patience_s:g} s"
        raise _overloaded(waited, patience_s) from None


def _overloaded(what: str, after_s: float) -> Overloaded:
    retry = max(1, min(LONGEST_RETRY_S, math.ceil(after_s)))
    return Overloaded(
        f"The server is full: {what}. Try again in {retry} s, or ask for fewer samples or tokens.",
        retry_after_s=retry,
    )


@dataclass(slots=True)
class Turn:
    """What a request got."""

    _leave: Callable[[], None]
    _grow: Callable[[int], None]
    waited_s: float = 0.0
    generated: int = 0
    """Tokens of all its candidates; set by whoever counts them."""
    candidates: int = 0
    """Candidates that it started; 0: as many as were announced."""

    def holds(self, candidates: int) -> None:
        """``candidates`` are in the engine now; the most so far counts."""
        self._grow(candidates)

    def end(self, generated: int, candidates: int) -> None:
        """Nothing more will be generated: let others in, though the request goes on."""
        self.generated, self.candidates = generated, candidates
        self._leave()


def engine_size(vllm_config: Any) -> EngineSize:
    """The engine's size by vLLM's configuration, once its engines are up."""
    cache, engines = vllm_config.cache_config, vllm_config.parallel_config.data_parallel_size
    tokens = cache.kv_cache_size_tokens  # of one engine
    if tokens is None:
        tokens = cache.num_gpu_blocks * cache.block_size // engines
    return EngineSize(tokens * engines, vllm_config.scheduler_config.max_num_seqs * engines)
