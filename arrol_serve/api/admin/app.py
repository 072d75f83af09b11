"""The admin app: vLLM's own routes for pausing and weights, ours for heads, rollouts and status.

Every route asks for the key. Nothing here is reachable through the public port.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send
from vllm.entrypoints.rl.online.api_router import router as vllm_routes
from vllm.entrypoints.serve.utils.api_utils import with_cancellation
from vllm.v1.engine.exceptions import EngineDeadError

from arrol_serve import __version__
from arrol_serve.api.admin.rollouts import sample_group
from arrol_serve.api.admin.schema import (
    HeadReply,
    HeadRequest,
    RolloutsReply,
    RolloutsRequest,
    Status,
    Weights,
)
from arrol_serve.api.error_response import install
from arrol_serve.errors import ArrolError, EngineRefused, EngineUnavailable
from arrol_serve.keys import KeyRing, sent_key
from arrol_serve.quality.artifact import check_model, load_head

routes = APIRouter(prefix="/admin")


def build_admin_app(engine_client: Any, key: str) -> FastAPI:
    """The app on the engine's own client: searches and their guards are not in between."""
    app = FastAPI(
        title="arrol-serve admin",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.engine_client = engine_client
    app.state.groups = count()
    for router in (vllm_routes, routes):
        app.include_router(router, dependencies=[Depends(_plainly)])
    install(app, [Middleware(AdminKey, key=key)])
    return app


class AdminKey:
    """ASGI middleware: 401 without the key, before anything of a body is read."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app, self._keys = app, KeyRing([key])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope.get("headers", ())}
        if scope["type"] != "http" or self._keys.holder(sent_key(headers)) is not None:
            await self.app(scope, receive, send)
            return
        response = Response(status_code=401, headers={"connection": "close"})
        await response(scope, receive, send)


async def _plainly() -> AsyncIterator[None]:
    """What the engine's processes refuse arrives as a bare ``Exception``; the reply says why."""
    try:
        yield
    except (ArrolError, HTTPException, RequestValidationError):
        raise
    except EngineDeadError as error:
        raise EngineUnavailable(f"The engine is dead: {error}") from error
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise EngineRefused(f"The engine refused: {reason[-1]}") from error


def _client(request: Request) -> Any:
    return request.app.state.engine_client


@routes.get("/status")
async def status(raw_request: Request) -> Status:
    """What this replica is, and what it holds."""
    client = _client(raw_request)
    config = client.vllm_config
    workers = await client.collective_rpc("arrol_status")
    transfer = config.weight_transfer_config
    return Status(
        version=__version__,
        model=config.model_config.model,
        weight_version=await client.get_weight_version(),
        head_versions=[worker["head_version"] for worker in workers],
        heads_in_use=[worker["heads"] for worker in workers],
        paused=await client.is_paused(),
        tasks=len(asyncio.all_tasks()),
        weight_transfer="none" if transfer is None else transfer.backend,
        logprobs_mode=str(config.model_config.logprobs_mode),
        max_model_len=config.model_config.max_model_len,
        world_size=config.parallel_config.world_size_across_dp,
    )


@routes.get("/weights")
async def weights(raw_request: Request) -> Weights:
    """What the workers hold, for a trainer that compares it with what it sent. Reads all of it."""
    sums = await _client(raw_request).collective_rpc("arrol_weights_sums")
    return Weights(received=[pair[0] for pair in sums], held=[pair[1] for pair in sums])


@routes.post("/head")
async def head(asked: HeadRequest, raw_request: Request) -> HeadReply:
    """Swap the quality head in between two steps; searches that have begun keep the old one.

    A head that does not fit changes nothing.
    """
    client = _client(raw_request)
    folder = Path(asked.path)
    check_model(load_head(folder)[1], client.model_config)
    versions = await client.collective_rpc("arrol_load_head", args=(str(folder), asked.version))
    if len(set(versions)) != 1:
        raise EngineRefused(f"The workers hold different heads now: {versions}. Load it again.")
    return HeadReply(version=versions[0], versions=versions)


@routes.post("/rollouts")
@with_cancellation
async def rollouts(asked: RolloutsRequest, raw_request: Request) -> RolloutsReply:
    """One rollout group, pruned in the engine. A caller that leaves ends it."""
    client = _client(raw_request)
    ranks = client.vllm_config.parallel_config.data_parallel_size
    rank = next(raw_request.app.state.groups) % ranks if ranks > 1 else None
    return await sample_group(client, asked, rank)
