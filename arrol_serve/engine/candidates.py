"""Samples the candidates of one request on a vLLM engine client, one engine request each."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vllm.outputs import RequestOutput
from vllm.sampling_params import RequestOutputKind, SamplingParams

from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW, KEY, MemberPlan, Report
from arrol_serve.rollout import (
    ProbeScore,
    Rollout,
    fate_of,
)

LONGEST_ID = 64
"""Characters of a client's request id that its candidates' names in the engine begin with."""


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """What every candidate's plan shares; see ``wire.MemberPlan`` for the fields."""

    candidates: int
    """Of the search, however many groups they are launched in."""
    probes: tuple[int, ...]
    policy: Mapping[str, Any]
    min_survivors: int
    max_total_tokens: int | None
    signals: tuple[str, ...]
    prune_by: str
    record: tuple[int, ...] | None = None
    confidence_window: int = CONFIDENCE_WINDOW


@dataclass(frozen=True, slots=True)
class EngineCall:
    """One request as vLLM's serving layer hands it to the engine client."""

    prompt: Any
    params: SamplingParams
    request_id: str
    options: Mapping[str, Any]
    """Keyword arguments of ``generate`` that pass through untouched."""


class EngineCandidates:
    """``CandidateSampler`` on vLLM. Candidate i samples with seed + i if the request has a seed."""

    def __init__(self, client: Any, call: EngineCall, group: GroupOptions) -> None:
        self._client, self._call, self._group = client, call, group
        self._ended: asyncio.Queue[tuple[int, RequestOutput | BaseException]] = asyncio.Queue()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._seed = call.params.seed if call.params.seed is not None else uuid.uuid4().int % 2**63
        self.outputs: dict[int, RequestOutput] = {}
        """The last engine output of every candidate that ended."""
        self.head_version: str | None = None
        # Clients choose request ids, also alike, and vLLM aborts by them: nobody can guess ours.
        self._search = f"{call.request_id[:LONGEST_ID]}/{uuid.uuid4().hex}"
        self._groups = 0
        self.group = ""
        """Name of the latest rollout group."""
        self.engine_groups = 0
        """Rollout groups alive in the engine when our last candidate ended."""

    @property
    def running(self) -> int:
        return len(self._tasks)

    async def launch(self, indices: Sequence[int]) -> None:
        self.group = f"{self._search}/{self._groups}"
        self._groups += 1
        for place, index in enumerate(indices):
            plan = self._member_plan(self.group, len(indices), place)
            self._tasks[index] = asyncio.create_task(self._run(index, self._params(index, plan)))

    def _member_plan(self, group: str, size: int, place: int) -> MemberPlan:
        options = self._group
        return MemberPlan(
            search=self._search,
            candidates=options.candidates,
            group=group,
            size=size,
            index=place,
            probes=list(options.probes),
            policy=dict(options.policy),
            seed=self._seed,
            min_survivors=min(options.min_survivors, size),
            max_total_tokens=options.max_total_tokens,
            signals=list(options.signals),
            prune_by=options.prune_by,
            confidence_window=options.confidence_window,
            record=None if options.record is None else list(options.record),
        )

    def _params(self, index: int, plan: MemberPlan) -> SamplingParams:
        params = self._call.params.clone()
        params.n = 1
        params.output_kind = RequestOutputKind.FINAL_ONLY
        params.extra_args = {**(params.extra_args or {}), KEY: plan}
        if params.seed is not None:
            params.seed += index
        return params

    def _request_id(self, index: int) -> str:
        return f"{self._search}-{index}"

    async def _run(self, index: int, params: SamplingParams) -> None:
        last: RequestOutput | None = None
        try:
            call = self._call
            request_id = self._request_id(index)
            async for output in self._client.generate(
                call.prompt, params, request_id, **call.options
            ):
                last = output
        except Exception as error:  # noqa: BLE001  # crosses to the waiting pipeline
            self._ended.put_nowait((index, error))
        else:
            if last is None:
                last_error = RuntimeError(f"the engine returned nothing for candidate {index}")
                self._ended.put_nowait((index, last_error))
            else:
                self._ended.put_nowait((index, last))

    async def next_ended(self, timeout_s: float | None) -> Rollout | None:
        try:
            async with asyncio.timeout(timeout_s):
                index, ended = await self._ended.get()
        except TimeoutError:
            return None
        self._tasks.pop(index, None)
        if isinstance(ended, BaseException):
            raise ended
        self.outputs[index] = ended
        return self._rollout(index, ended)

    def _rollout(self, index: int, output: RequestOutput) -> Rollout:
        report: Report | None = (output.kv_transfer_params or {}).get(KEY)
        completion = output.outputs[0]
        quality = confidence = None
        probes: tuple[ProbeScore, ...] = ()
        if report is not None:
            self.head_version = report["head_version"] or self.head_version
            self.engine_groups = report["groups"]
            confidence = report["confidence"]
            quality = None if report["quality"] is None else _sigmoid(report["quality"])
            probes = tuple(ProbeScore(*probe) for probe in report["probes"])
        return Rollout(
            index=index,
            text=completion.text,
            token_count=len(completion.token_ids),
            fate=fate_of(completion.finish_reason, completion.stop_reason),
            quality=quality,
            confidence=confidence,
            probes=probes,
        )

    async def cancel(self) -> None:
        await self._client.abort([self._request_id(index) for index in self._tasks])

    async def close(self) -> None:
        tasks, self._tasks = dict(self._tasks), {}
        if not tasks:
            return
        try:
            await self._client.abort([self._request_id(index) for index in tasks])
        finally:
            for task in tasks.values():
                task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-500.0, min(500.0, logit))))
