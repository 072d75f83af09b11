"""The vLLM endpoint plugin: puts our routes, our client and our error shape into vLLM's app."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import State
from starlette.middleware import Middleware

from arrol_serve.admission.rates import Rates
from arrol_serve.answers.pool import AnswerPool
from arrol_serve.api.accounting import Accounting
from arrol_serve.api.admin.listener import AdminSocket
from arrol_serve.api.admin.server import AdminServer
from arrol_serve.api.admission import Admission, engine_size
from arrol_serve.api.engine_client import SearchingEngineClient
from arrol_serve.api.error_response import install
from arrol_serve.api.middleware.auth import Auth
from arrol_serve.api.middleware.body_limit import BodyLimit
from arrol_serve.api.middleware.lifecycle import Lifecycle
from arrol_serve.api.middleware.route_guard import RouteGuard
from arrol_serve.api.page import add_page
from arrol_serve.api.routes import chat, completion, messages, models, responses
from arrol_serve.api.selection import ArrolState, build_state
from arrol_serve.config import ServerConfig
from arrol_serve.engine.probe import check_generates, probe_engine
from arrol_serve.keys import KeyRing


class ArrolEndpoint:
    """vLLM calls ``attach_router`` as it builds the app, ``init_state`` once it has an engine."""

    name = "arrol"
    required_tasks = None
    """Whatever the model can do: where it cannot generate we refuse, instead of being left out."""

    def __init__(self) -> None:
        self._app: FastAPI | None = None

    def attach_router(self, app: FastAPI) -> None:
        self._app = app
        for module in (chat, completion, responses, messages, models):
            app.include_router(module.router)

    async def init_state(self, engine_client: Any, state: State, args: Namespace) -> None:
        """Raises ``UnsupportedEngine`` unless the engine really prunes: better down than plain.

        The handlers are installed here and not in ``attach_router``: vLLM adds its own in between.
        """
        check_generates(await engine_client.get_supported_tasks(), args.model)
        config: ServerConfig = getattr(args, "arrol_config", None) or ServerConfig()
        adapters = [module.name for module in args.lora_modules or ()]
        served = tuple(args.served_model_name or [args.model])
        state.arrol = build_state(config, served, adapters)
        pool = AnswerPool(config.verifier_workers, config.verifier_timeout_s)
        try:
            await asyncio.gather(probe_engine(engine_client), pool.warm())
        except BaseException:
            await asyncio.to_thread(pool.close)
            raise
        rates = Rates(
            config.concurrent_per_key,
            config.requests_per_minute_per_key,
            config.tokens_per_minute_per_key,
        )
        admission = Admission(
            engine_size(engine_client.vllm_config),
            load=config.max_load,
            max_queue_s=config.max_queue_s,
            spend=rates.spend,
        )
        searching = SearchingEngineClient(
            engine_client, pool, admission, Accounting(config.head_id)
        )
        for (
            serving
        ) in state._state.values():  # every route: the client is also what guards our keys
            if hasattr(serving, "engine_client"):
                serving.engine_client = searching
        listener: AdminSocket | None = getattr(args, "arrol_admin", None)
        admin = None if listener is None else AdminServer(engine_client, listener)
        if self._app is not None:
            if config.page:
                add_page(self._app)
            install(self._app, _front(state.arrol, args.api_key or (), rates))
            _close_at_shutdown(self._app, pool, admin)
            lifecycle: Lifecycle | None = getattr(args, "arrol_lifecycle", None)
            if lifecycle is not None:
                lifecycle.install(self._app, engine_client)


def _front(arrol: ArrolState, keys: Sequence[str], rates: Rates) -> list[Middleware]:
    """The layers between the error shape and vLLM's, innermost first."""
    ring = KeyRing(keys) if keys else None
    return [
        Middleware(RouteGuard, aliases=arrol.aliases),
        Middleware(BodyLimit, limit=arrol.config.max_body_bytes),
        Middleware(Auth, keys=ring, rates=rates),
    ]


def _close_at_shutdown(app: FastAPI, pool: AnswerPool, admin: AdminServer | None) -> None:
    """vLLM owns the app's lifespan; what we started must end with it all the same."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Any]:
        try:
            async with inner(app) as state:
                yield state
        finally:
            if admin is not None:
                await admin.stop()
            await asyncio.to_thread(pool.close)

    app.router.lifespan_context = lifespan
