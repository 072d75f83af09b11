"""A server's end: drained after SIGTERM, or failed because its engine died.

vLLM's own server aborts what runs, or lets the engine refuse what it still accepts, and exits
with status 0 when the engine dies. Here new work is refused with 503 first, work in flight has
``grace_s`` seconds, whatever is left gets a clean error, and a dead engine is a failure that a
supervisor sees.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from arrol_serve.api.middleware.drain import Drain
from arrol_serve.errors import EngineUnavailable, ShuttingDown

logger = logging.getLogger("vllm.arrol_serve.lifecycle")

WATCH_S = 0.25
"""Seconds between looks at the engine."""
LINGER_S = 2.0
"""Seconds that a failed server goes on answering 503, for the health checks of its load balancer."""
ABORT_S = 2.0
"""Seconds that requests may take to end once they were cut off."""
STAY_UP = "VLLM_KEEP_ALIVE_ON_ENGINE_DEATH"
"""vLLM's switch. Unset, vLLM would stop listening before anybody has seen why."""


class Lifecycle:
    """One per server process. ``exit_status`` is what the process ends with."""

    def __init__(self, grace_s: float) -> None:
        self.grace_s = grace_s
        self.exit_status = 0
        self.drain = Drain()
        self._stays_up = os.environ.get(STAY_UP, "0") not in ("", "0")
        os.environ[STAY_UP] = "1"
        self._hurry = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def install(self, app: FastAPI, engine_client: Any) -> None:
        """Wrap ``app`` in the drain, and watch signals and the engine while it serves.

        Call last: what is added last is outermost.
        """
        app.add_middleware(_DrainMiddleware, drain=self.drain)
        self.drain.engine_died = lambda: bool(engine_client.errored)
        inner = app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[Any]:
            async with inner(app) as state:
                # uvicorn starts the lifespan after vLLM has set its handlers: ours replace them.
                loop, server = asyncio.get_running_loop(), app.state.server
                loop.add_signal_handler(signal.SIGTERM, self._asked_to_end, server, self.grace_s)
                loop.add_signal_handler(signal.SIGINT, self._asked_to_end, server, 0.0)
                watch = asyncio.create_task(self._watch(engine_client, server))
                try:
                    yield state
                finally:
                    watch.cancel()

        app.router.lifespan_context = lifespan

    def _asked_to_end(self, server: Any, grace_s: float) -> None:
        """The first signal drains; the second, or Ctrl-C, cuts the grace period short."""
        if grace_s == 0 or self.drain.refusal is not None:
            self._hurry.set()
        if self.drain.refusal is None:
            task = asyncio.create_task(self._drain(server, grace_s))
            self._tasks.add(task)  # the loop itself holds tasks weakly

    async def _drain(self, server: Any, grace_s: float) -> None:
        self.drain.refusal = ShuttingDown(
            "The server is shutting down and takes no new requests: send it again, another replica "
            "will answer.",
            retry_after_s=1,
        )
        logger.info("Draining %d requests for up to %g s.", len(self.drain.in_flight), grace_s)
        await _first(self.drain.empty(), self._hurry.wait(), timeout_s=grace_s)
        await self._end(server)

    async def _watch(self, engine_client: Any, server: Any) -> None:
        while not engine_client.errored:  # noqa: ASYNC110  # vLLM keeps a flag, not an event
            await asyncio.sleep(WATCH_S)
        if self.drain.refusal is not None:  # it ended because we do
            return
        self.exit_status = 1
        self.drain.refusal = EngineUnavailable(
            "The engine has died and the server is going down: send the request again, another "
            "replica will answer."
        )
        if self._stays_up:
            return
        logger.error("The engine has died: exiting with status 1 in %g s.", LINGER_S)
        await asyncio.sleep(LINGER_S)
        await self._end(server)

    async def _end(self, server: Any) -> None:
        if self.drain.in_flight:
            logger.warning("Cutting off %d requests.", len(self.drain.in_flight))
            await self.drain.cut_off_all()
            await _first(self.drain.empty(), timeout_s=ABORT_S)
        server.config.timeout_graceful_shutdown = ABORT_S
        server.should_exit = True


class _DrainMiddleware:
    """Passes HTTP requests through the drain."""

    def __init__(self, app: Any, drain: Drain) -> None:
        self._app, self._drain = app, drain

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self._drain.handle(self._app, scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def _first(*waits: Any, timeout_s: float) -> None:
    """Return once one of ``waits`` is over, or time is up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
