"""Proves at start-up that the plugin is in the engine: vLLM only logs a plugin that failed to load."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection
from typing import Any

from vllm.sampling_params import SamplingParams

from arrol_serve.engine.candidates import EngineCall, EngineCandidates
from arrol_serve.engine.plugin.wire import GroupPlan
from arrol_serve.errors import ArrolError, UnsupportedEngine
from arrol_serve.rollout import Fate

LIMIT_S = 60.0


def check_generates(tasks: Collection[str], model: str) -> None:
    """Raise ``UnsupportedEngine`` for a model that embeds, classifies or transcribes only."""
    if "generate" not in tasks:
        raise UnsupportedEngine(
            f"{model} generates no text (vLLM can do this with it: {', '.join(sorted(tasks))}), so there "
            "is nothing to search in. Serve it with vLLM itself."
        )


async def probe_engine(client: Any) -> str | None:
    """Run two tiny candidates of which one must be pruned; return the head's version, if any.

    Raises ``UnsupportedEngine`` when the worker or the scheduler is not ours.
    """
    try:
        (status, *_) = await client.collective_rpc("arrol_status")
    except Exception as error:
        raise UnsupportedEngine(
            f"The engine runs without arrol-serve's worker ({error}). Start it with arrol-serve, "
            "and without --worker-cls or --scheduler-cls."
        ) from error
    engines = client.vllm_config.parallel_config.data_parallel_size
    await asyncio.gather(
        *(_prove(client, rank if engines > 1 else None) for rank in range(engines))
    )
    version: str | None = status["head_version"]
    return version


async def _prove(client: Any, rank: int | None) -> None:
    """Prove that the engine of this data-parallel rank prunes; None: there is only one."""
    try:
        fates = await _fates(client, rank)
    except ArrolError:
        raise
    except Exception as error:
        raise UnsupportedEngine(f"The start-up probe failed in the engine: {error}") from error
    if sorted(fates) != sorted([Fate.PRUNED, Fate.TRUNCATED]):
        raise UnsupportedEngine(
            f"The engine does not prune: two probe candidates ended {sorted(fates)}. "
            "Start it with arrol-serve, and without --scheduler-cls."
        )


async def _fates(client: Any, rank: int | None) -> list[Fate]:
    params = SamplingParams(temperature=1.0, max_tokens=4, ignore_eos=True, seed=0, detokenize=True)
    options = {} if rank is None else {"data_parallel_rank": rank}
    name = f"arrol-probe-{uuid.uuid4().hex}"
    call = EngineCall({"prompt_token_ids": [0, 1]}, params, name, options)
    plan = GroupPlan(name, 2, 2, probes=(1,), policy={"name": "random", "keep": 0.5})
    candidates = EngineCandidates(client, call, plan)
    await candidates.launch(range(2))
    try:
        async with asyncio.timeout(LIMIT_S):
            rollouts = [event async for event in candidates.until_all_ended()]
    except TimeoutError:
        raise UnsupportedEngine(
            f"The engine did not answer the start-up probe in {LIMIT_S:g} s."
        ) from None
    finally:
        await candidates.close()
    return [rollout.fate for rollout in rollouts]
