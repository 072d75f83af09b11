"""Serves the admin app beside vLLM's server, in the same process and event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from vllm import envs

from arrol_serve.api.admin.app import build_admin_app
from arrol_serve.api.admin.listener import AdminSocket
from arrol_serve.api.middleware.http_protocol import PatientProtocol

STOP_LIMIT_S = 5


class _Quiet(uvicorn.Server):
    """Leaves the signals to vLLM's server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class AdminServer:
    """Runs until ``stop``."""

    def __init__(self, engine_client: Any, listener: AdminSocket) -> None:
        app = build_admin_app(engine_client, listener.key)
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=STOP_LIMIT_S,
            timeout_keep_alive=envs.VLLM_HTTP_TIMEOUT_KEEP_ALIVE,
            http=PatientProtocol,
        )
        self._server = _Quiet(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener.socket]))

    async def stop(self) -> None:
        """Let the port go; what is still running is given ``STOP_LIMIT_S``."""
        self._server.should_exit = True
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_LIMIT_S + 1):
                await self._task
