"""Samples one rollout group for a trainer: the same candidates, pruned in the same place."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Mapping
from typing import Any

from vllm.outputs import RequestOutput
from vllm.platforms import current_platform
from vllm.sampling_params import SamplingParams

from arrol_serve.api.admin.schema import Features, RolloutReply, RolloutsReply, RolloutsRequest
from arrol_serve.engine.candidates import EngineCall, EngineCandidates
from arrol_serve.engine.output import read_output
from arrol_serve.engine.plugin.wire import GroupPlan
from arrol_serve.errors import InvalidRequest

RELEASE_LIMIT_S = 30.0
"""How long the worker may take to learn that a group ended: a step, however long steps are."""
_BEAT_S = 0.01


def check_recording(config: Any, *, on_cpu: bool) -> None:
    """Raise ``InvalidRequest`` where an engine with vLLM's ``config`` cannot record the head's inputs."""
    if config.parallel_config.data_parallel_size > 1:
        raise InvalidRequest(
            "The head's inputs are recorded on servers with one engine: start several replicas "
            "instead of --data-parallel-size.",
            param="record",
        )
    if config.speculative_config is not None and not on_cpu:
        raise InvalidRequest(
            "The head's inputs are not recorded on a GPU with drafts, where only the GPU knows how many "
            "tokens a step brought: start without --speculative-config.",
            param="record",
        )


async def sample_group(client: Any, asked: RolloutsRequest, rank: int | None) -> RolloutsReply:
    """Run the group to its end; cancelled, it leaves nothing behind in the engine.

    Raises ``InvalidRequest`` for what the engine cannot take.
    """
    if asked.record is not None:
        check_recording(client.vllm_config, on_cpu=current_platform.is_cpu())
    call = EngineCall(
        {"prompt_token_ids": asked.prompt_token_ids},
        SamplingParams(
            temperature=asked.temperature,
            max_tokens=asked.max_tokens,
            top_p=asked.top_p,
            top_k=asked.top_k,
            stop=asked.stop,
            seed=asked.seed,
            logprobs=0 if asked.logprobs else None,
            flat_logprobs=asked.logprobs,
        ),
        f"arrol-rollouts-{uuid.uuid4().hex}",
        {} if rank is None else {"data_parallel_rank": rank},
    )
    candidates = EngineCandidates(client, call, _plan(asked))
    ended = False
    try:
        await candidates.launch(range(asked.samples))
        async for _ in candidates.until_all_ended():
            pass
        ended = True
    except ValueError as error:  # vLLM's own checks of prompt and parameters
        raise InvalidRequest(str(error)) from error
    finally:
        await candidates.close()
        if asked.record is not None and not ended:
            _forget(client, candidates.group)
    features = None if asked.record is None else await _features(client, candidates.group)
    outputs = candidates.outputs
    spans = (s for o in outputs.values() for s in o.outputs[0].weight_versions or ())
    return RolloutsReply(
        weight_versions=sorted({span.version for span in spans}),
        rollouts=[_reply(index, outputs[index]) for index in range(asked.samples)],
        features=features,
    )


def _plan(asked: RolloutsRequest) -> GroupPlan:
    return GroupPlan(
        search="",
        size=asked.samples,
        candidates=asked.samples,
        probes=tuple(asked.probes),
        policy=asked.policy,
        min_survivors=asked.min_survivors,
        signals=tuple(asked.signals),
        prune_by=asked.prune_by,
        confidence_window=asked.confidence_window,
        record=None if asked.record is None else tuple(asked.record),
        to_end=asked.to_end,
    )


def _reply(index: int, output: RequestOutput) -> RolloutReply:
    reply = read_output(output)
    return RolloutReply(
        index=index,
        text=reply.text,
        token_ids=list(reply.token_ids),
        logprobs=list(reply.logprobs),
        finish_reason=reply.finish_reason,
        stop_reason=reply.stop_reason,
        report=dict(reply.report or {}),
    )


async def _features(client: Any, group: str) -> Features:
    """What the workers recorded. They learn of an ended rollout one step after its last token."""
    async with asyncio.timeout(RELEASE_LIMIT_S):
        while True:
            told = await client.collective_rpc("arrol_take_group", args=(group,))
            if all(part is not None for part in told):
                return _widest(told)
            await asyncio.sleep(_BEAT_S)


def _widest(told: list[Mapping[str, Any]]) -> Features:
    """All ranks that sample record the same; earlier pipeline stages record nothing."""
    part = max(told, key=lambda part: len(part["indices"]))
    data = base64.b64encode(part["data"]).decode()
    return Features(indices=part["indices"], tokens=part["tokens"], width=part["width"], data=data)


_forgetting: set[asyncio.Task[Any]] = set()


def _forget(client: Any, group: str) -> None:
    """Drop from the workers a group that is no longer waited for, while other work goes on."""
    task = asyncio.create_task(_features(client, group))
    _forgetting.add(task)
    task.add_done_callback(_forgotten)


def _forgotten(task: asyncio.Task[Any]) -> None:
    _forgetting.discard(task)
    if not task.cancelled():
        task.exception()  # the engine died, or is stuck: others say so
