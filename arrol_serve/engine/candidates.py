"""Samples the candidates of one request on a vLLM engine client, one engine request each."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from vllm.outputs import RequestOutput
from vllm.sampling_params import RequestOutputKind, SamplingParams

from arrol_serve.engine.base import Event, Moved, Passed
from arrol_serve.engine.output import read_output
from arrol_serve.engine.pictures import Shown
from arrol_serve.engine.plugin.wire import KEY, GroupPlan, MemberPlan, Report, packed
from arrol_serve.engine.watch import StepWatch
from arrol_serve.pruning.threshold import sigmoid
from arrol_serve.rollout import Fate, ProbeScore, Rollout, fate_of

LONGEST_ID = 64
"""Characters of a client's request id that its candidates' names in the engine begin with."""


LAST_OUTPUT_S = 1.0
"""Seconds that aborted candidates have to say what they had generated."""


@dataclass(frozen=True, slots=True)
class EngineCall:
    """One request as vLLM's serving layer hands it to the engine client."""

    prompt: Any
    params: SamplingParams
    request_id: str
    options: Mapping[str, Any]
    """Keyword arguments of ``generate`` that pass through untouched."""
    shown: Shown | None = None
    """The prompt's pictures, of a request that may have waited."""


class EngineCandidates:
    """``CandidateSampler`` on vLLM. Candidate i samples with seed + i if the request has a seed."""

    def __init__(
        self, client: Any, call: EngineCall, plan: GroupPlan, watch: StepWatch | None = None
    ) -> None:
        """``plan``: of all groups; name, size and what went before are filled in at each launch.

        Without a ``watch`` nothing is known of a candidate before it ends.
        """
        self._client, self._call, self._watch = client, call, watch
        self._shown = call.shown or Shown(call.prompt, client)
        seed = call.params.seed if call.params.seed is not None else uuid.uuid4().int % 2**63
        # Clients choose request ids, also alike, and vLLM aborts by them: nobody can guess ours.
        self._search = f"{call.request_id[:LONGEST_ID]}/{uuid.uuid4().hex}"
        self._plan = replace(plan, search=self._search, seed=seed, watched=watch is not None)
        self._events: asyncio.Queue[_Ended | Passed | Moved] = asyncio.Queue()
        self.wants_moves = False
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._tokens: dict[int, int] = {}
        self._probes: dict[int, tuple[ProbeScore, ...]] = {}
        """What the engine has said of each candidate's probes so far."""
        self._pruned = 0
        self.outputs: dict[int, RequestOutput] = {}
        """The last engine output of every candidate that ended."""
        self.head_version: str | None = None
        self._groups = 0
        self.group = ""
        """Name of the latest rollout group."""
        self.engine_groups = 0
        """Rollout groups alive in the engine when our last candidate ended."""

    @property
    def running(self) -> int:
        return len(self._tasks)

    @property
    def pending(self) -> bool:
        return not self._events.empty()

    def tokens(self, index: int) -> int:
        return self._tokens[index]

    @property
    def launched(self) -> int:
        """Candidates started so far."""
        return len(self._tokens)

    @property
    def generated(self) -> int:
        """Tokens of all of them, as far as they are known."""
        return sum(self._tokens.values())

    async def launch(self, indices: Sequence[int]) -> None:
        self.group = f"{self._search}/{self._groups}"
        self._groups += 1
        survivors = len(self._tokens) - self._pruned
        group = replace(
            self._plan,
            group=self.group,
            size=len(indices),
            started=len(self._tokens),
            earlier=self._judged(),
            spent=sum(self._tokens.values()),
            min_survivors=max(0, self._plan.min_survivors - survivors),
        )
        for place, index in enumerate(indices):
            prompt = self._shown.again() if self._tokens else self._shown.first()
            self._tokens[index] = 0
            if self._watch is not None:
                self._watch.follow(self._request_id(index), _Listener(self, index))
            params = self._params(index, group.member(place))
            self._tasks[index] = asyncio.create_task(self._run(index, params, prompt))

    def _judged(self) -> list[list[float]]:
        """By probe, the scores of all candidates that were judged there."""
        known = [self._probes[index] for index in sorted(self._probes)]
        return [
            [probes[place].score for probes in known if len(probes) > place]
            for place in range(len(self._plan.probes))
        ]

    def _params(self, index: int, plan: MemberPlan) -> SamplingParams:
        params = copy(self._call.params)  # vLLM makes a deep one of it at once
        params.n = 1
        params.output_kind = RequestOutputKind.FINAL_ONLY
        params.extra_args = {**(params.extra_args or {}), KEY: packed(plan)}
        if params.seed is not None:
            params.seed += index
        return params

    def _request_id(self, index: int) -> str:
        return f"{self._search}-{index}"

    def heard(self, index: int, new_tokens: int, report: Report | None) -> None:
        """A step of a running candidate; called between the event loop's tasks."""
        self._tokens[index] += new_tokens
        if report is not None:
            probes = _probe_scores(report)
            if len(probes) > len(self._probes.get(index, ())):
                self._probes[index] = probes
                self._events.put_nowait(Passed(index, probes))
        if self.wants_moves:
            self.wants_moves = False
            self._events.put_nowait(Moved())

    async def _run(self, index: int, params: SamplingParams, prompt: Any) -> None:
        last: RequestOutput | None = None
        request_id = self._request_id(index)
        failure: Exception | None = None
        try:
            last = await self._last_output(prompt, params, request_id)
            if prompt is not self._call.prompt and last is not None and _was_lost(last):
                last = await self._last_output(self._shown.whole(), params, request_id)
        except Exception as error:  # noqa: BLE001  # crosses to the waiting pipeline
            failure = error
        finally:
            if self._watch is not None:
                self._watch.leave(request_id)
        if last is not None:
            self._tokens[index] = len(last.outputs[0].token_ids)
        if last is None and failure is None:
            failure = RuntimeError(f"the engine returned nothing for candidate {index}")
        self._events.put_nowait(_Ended(index, last, failure))

    async def _last_output(
        self, prompt: Any, params: SamplingParams, request_id: str
    ) -> RequestOutput | None:
        last: RequestOutput | None = None
        options = self._call.options
        async for output in self._client.generate(prompt, params, request_id, **options):
            last = output
        return last

    async def next_event(self) -> Event:
        event = await self._events.get()
        if not isinstance(event, _Ended):
            return event
        self._tasks.pop(event.index, None)
        if event.failure is not None:
            raise event.failure
        assert event.output is not None  # noqa: S101  # or there is a failure
        self.outputs[event.index] = event.output
        rollout = self._rollout(event.index, event.output)
        self._tokens[event.index] = rollout.token_count
        self._probes[event.index] = rollout.probes
        self._pruned += rollout.fate is Fate.PRUNED
        return rollout

    async def until_all_ended(self) -> AsyncIterator[Rollout]:
        """Every candidate that was launched, as it ends."""
        while self.running:
            event = await self.next_event()
            if isinstance(event, Rollout):
                yield event

    def _rollout(self, index: int, output: RequestOutput) -> Rollout:
        reply = read_output(output)
        report = reply.report
        quality = confidence = None
        probes: tuple[ProbeScore, ...] = ()
        if report is not None:
            self.head_version = report["head_version"] or self.head_version
            self.engine_groups = report["groups"]
            confidence = report["confidence"]
            quality = None if report["quality"] is None else sigmoid(report["quality"])
            probes = _probe_scores(report)
        return Rollout(
            index=index,
            text=reply.text,
            token_count=len(reply.token_ids),
            fate=fate_of(reply.finish_reason, reply.stop_reason),
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
            await asyncio.wait(tasks.values(), timeout=LAST_OUTPUT_S)
        finally:
            for task in tasks.values():
                task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Ended:
    index: int
    output: RequestOutput | None
    failure: Exception | None


@dataclass(frozen=True, slots=True)
class _Listener:
    candidates: EngineCandidates
    index: int

    def __call__(self, new_tokens: int, report: Report | None) -> None:
        self.candidates.heard(self.index, new_tokens, report)


def _was_lost(output: RequestOutput) -> bool:
    """Whether the engine had no longer what a prompt shows."""
    return output.outputs[0].finish_reason == "error"


def _probe_scores(report: Report) -> tuple[ProbeScore, ...]:
    return tuple(ProbeScore(*probe) for probe in report["probes"])
