"""The scheduler: vLLM's own, plus rollout groups whose survival policy ends members.

``update_from_output`` lets vLLM do its work, then hands each scored token to its group; what the
group's policy decides is carried out at once: the member is freed with its KV blocks and its last
output says ``stop_reason="arrol_pruned"``. It is a *stop*, never an abort: frameworks retry aborts.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs, FinishReason
from vllm.v1.request import RequestStatus

from arrol_serve.engine.plugin.compat import check_vllm
from arrol_serve.engine.plugin.orphan import die_with_parent
from arrol_serve.engine.plugin.wire import (
    KEY,
    EndedLengths,
    MemberPlan,
    Report,
    StepScores,
    plan_of,
)
from arrol_serve.pruning.group import Decision, Group
from arrol_serve.pruning.ledger import Ledger
from arrol_serve.rollout import BUDGET_STOP_REASON, PRUNED_STOP_REASON

NO_SCORES = StepScores()


@dataclass(slots=True)
class Member:
    """A live candidate: where it belongs, and its latest signals."""

    req_id: str
    plan: MemberPlan
    group: LiveGroup
    stops_outside: bool = False
    """Stop strings are matched outside the engine, so that any token may turn out to be the last."""
    signals: Sequence[float] = (math.nan, math.nan, math.nan)
    """Quality logit and confidence at the latest token that was scored; NaN: not computed."""
    run: Sequence[Sequence[float]] = ()
    """The same after each token of this step, if any was scored."""
    head_version: str | None = None
    pruned: bool = False
    tokens: int = 0
    next_probe: float = 0
    """The first that it has not been judged at; infinite: none."""
    cut: int = 0
    """Tokens of its last step that lie beyond the probe at which it was pruned."""

    def hear(self, run: Sequence[Sequence[float]], version: str | None, tokens: int) -> None:
        """A step's scores, of which the first ``tokens`` were kept."""
        self.run, self.head_version = run[:tokens], version
        for signals in self.run:
            if not all(map(math.isnan, signals)):
                self.signals = signals

    def crossed(self, before: int) -> list[tuple[int, float]]:
        """Probes that it came to in this step, with the score of their own token.

        ``before``: its tokens before this step.
        """
        probes, place = self.plan["probes"], self.plan["prune_by"] == "confidence"
        found = []
        for probe in probes[bisect_right(probes, before) : bisect_right(probes, self.tokens)]:
            score = self.run[probe - before - 1][place] if self.run else math.nan
            found.append((probe, 0.0 if math.isnan(score) else score))
        return found


@dataclass(slots=True)
class LiveGroup:
    """A rollout group with its members in the engine, by index."""

    rules: Group
    search: str
    cap: int | None
    members: dict[int, Member] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)


class PruningMixin(Scheduler if TYPE_CHECKING else object):  # type: ignore[misc]
    """What both schedulers gain. Groups live exactly as long as they have members."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_vllm()
        die_with_parent()
        super().__init__(*args, **kwargs)
        self.arrol_groups: dict[str, LiveGroup] = {}
        self._arrol_members: dict[str, Member] = {}
        self._arrol_ended: dict[str, Member] = {}
        """Members that ended since the last outputs: their report is still to be written."""
        self._arrol_telling: dict[str, Member] = {}
        """Live members that stop outside: every output of theirs carries a report."""
        self._arrol_passed: dict[str, Member] = {}
        """Members that were judged in this step and live on, which somebody waits to hear."""
        self._arrol_lengths: dict[str, int] = {}
        """Tokens of recorded members that ended since the last schedule."""
        self._arrol_ledger = Ledger()
        self._arrol_spent: set[str] = set()
        """Searches whose cap was reached in this step."""

    def add_request(self, request: Any) -> None:
        super().add_request(request)
        plan = plan_of(request.sampling_params)
        if plan is None or request.request_id in self._arrol_members:
            return
        group = self.arrol_groups.get(plan["group"])
        if group is None:
            group = LiveGroup(Group(plan), plan["search"], plan["max_total_tokens"])
            self.arrol_groups[plan["group"]] = group
            if group.cap is not None:
                self._arrol_ledger.open(group.search, plan["spent"])
        stops = bool(request.sampling_params.stop)
        member = Member(request.request_id, plan, group, stops_outside=stops)
        group.members[plan["index"]] = self._arrol_members[request.request_id] = member
        if stops:
            self._arrol_telling[request.request_id] = member
        group.rules.join(plan["index"])

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        """Tell the workers how long the rollouts were that they recorded: they may have sampled more."""
        output = super().schedule(*args, **kwargs)
        if self._arrol_lengths:
            setattr(output, KEY, EndedLengths(self._arrol_lengths))
            self._arrol_lengths = {}
        return output

    def _free_request(self, request: Any, delay_free_blocks: bool = False) -> Any:
        freed = super()._free_request(request, delay_free_blocks)
        member = self._arrol_members.pop(request.request_id, None)
        self._arrol_telling.pop(request.request_id, None)
        if member is not None:
            if member.plan["record"] is not None:
                tokens = request.num_output_tokens - member.cut
                self._arrol_lengths[request.request_id] = tokens
            self._leave(member, aborted=request.status == RequestStatus.FINISHED_ABORTED)
        return freed

    def _leave(self, member: Member, *, aborted: bool) -> None:
        group, index = member.group, member.plan["index"]
        group.members.pop(index, None)
        group.decisions += group.rules.leave(index, pruned=member.pruned)
        if not group.members:
            self.arrol_groups.pop(member.plan["group"], None)
        if not aborted:  # nobody reads an aborted request's report
            self._arrol_ended[member.req_id] = member

    def update_from_output(self, scheduler_output: Any, model_runner_output: Any) -> Any:
        outputs = super().update_from_output(scheduler_output, model_runner_output)
        if self._arrol_members or self._arrol_ended:
            scores: StepScores = getattr(model_runner_output, KEY, NO_SCORES)
            self._arrol_step(outputs, scores)
        return outputs

    def _arrol_step(self, outputs: dict[int, EngineCoreOutputs], scores: StepScores) -> None:
        written = {out.request_id: out for batch in outputs.values() for out in batch.outputs}
        scored = zip(scores.req_ids, scores.values, scores.head_versions, strict=True)
        for req_id, run, version in scored:
            member = self._arrol_members.get(req_id) or self._arrol_ended.get(req_id)
            if member is not None and req_id in written:
                member.hear(run, version, len(written[req_id].new_token_ids))
        self._arrol_observe(written)
        for group in list(self.arrol_groups.values()):
            if group.decisions or group.search in self._arrol_spent:
                self._arrol_carry_out(group, written, outputs)
        for req_id, member in (
            self._arrol_telling | self._arrol_passed | self._arrol_ended
        ).items():
            if (out := written.get(req_id)) is not None:
                report = self._arrol_report(member)
                out.kv_transfer_params = {**(out.kv_transfer_params or {}), KEY: report}
        self._arrol_ended.clear()
        self._arrol_passed.clear()
        self._arrol_spent.clear()

    def _arrol_observe(self, written: dict[str, EngineCoreOutput]) -> None:
        arrived = []
        for req_id, out in written.items():
            live = self._arrol_members.get(req_id)
            member = live or self._arrol_ended.get(req_id)
            if member is None or not out.new_token_ids:
                continue
            before, new = member.tokens, len(out.new_token_ids)
            member.tokens += new
            if member.group.cap is not None:
                self._arrol_spend(member.group, new)
            if live is None:
                continue
            if not before:
                live.group.rules.begin(live.plan["index"])
            if live.tokens >= live.next_probe:
                arrived.append((live, before))
        for member, before in arrived:  # only now is it known who generates
            self._arrol_judge(member, before)

    def _arrol_judge(self, member: Member, before: int) -> None:
        """Show the survival policy what a member that had ``before`` tokens has come to in this step.

        One that waits at a probe is shown to it in every step: its siblings may have joined meanwhile.
        """
        rules, index = member.group.rules, member.plan["index"]
        for tokens, score in member.crossed(before) or [(before, 0.0)]:
            decisions = rules.observe(index, tokens, score)
            member.group.decisions += decisions
            if any(d.index == index and not d.verdict.survives for d in decisions):
                break
        judged, probes = len(rules.probes_of(index)), member.plan["probes"]
        member.next_probe = probes[judged] if judged < len(probes) else math.inf

    def _arrol_spend(self, group: LiveGroup, tokens: int) -> None:
        if self._arrol_ledger.spend(group.search, tokens) >= (group.cap or math.inf):
            self._arrol_spent.add(group.search)

    def _arrol_carry_out(
        self,
        group: LiveGroup,
        written: dict[str, EngineCoreOutput],
        outputs: dict[int, EngineCoreOutputs],
    ) -> None:
        # Ending a member makes it leave, which may settle a decision that waited for it.
        while group.decisions:
            decision = group.decisions.pop(0)
            member = group.members.get(decision.index)
            if member is None:
                continue
            if decision.verdict.survives:
                if member.plan["watched"]:
                    self._arrol_passed[member.req_id] = member
                    self._arrol_output(member, written, outputs)
                continue
            member.pruned = True
            self._arrol_cut(member, decision.tokens, written.get(member.req_id))
            self._arrol_end(member, FinishReason.STOP, PRUNED_STOP_REASON, written, outputs)
        if group.search in self._arrol_spent:
            for member in list(group.members.values()):
                self._arrol_end(member, FinishReason.LENGTH, BUDGET_STOP_REASON, written, outputs)
            group.decisions.clear()

    def _arrol_cut(self, member: Member, probe: int, out: EngineCoreOutput | None) -> None:
        """Take back this step's tokens beyond the probe; the client has not seen them yet."""
        beyond = member.tokens - probe
        if out is not None and 0 < beyond < len(out.new_token_ids):
            member.cut = beyond
            member.tokens = probe
            out.new_token_ids = out.new_token_ids[:-beyond]
            member.run = member.run[: len(out.new_token_ids)]
            if member.run:
                member.signals = member.run[-1]
            if out.new_logprobs is not None:
                out.new_logprobs = out.new_logprobs.slice_request(0, len(out.new_token_ids))

    def _arrol_end(
        self,
        member: Member,
        reason: FinishReason,
        stop_reason: str,
        written: dict[str, EngineCoreOutput],
        outputs: dict[int, EngineCoreOutputs],
    ) -> None:
        out = self._arrol_output(member, written, outputs)
        status = (
            RequestStatus.FINISHED_STOPPED
            if reason is FinishReason.STOP
            else RequestStatus.FINISHED_LENGTH_CAPPED
        )
        self.finish_requests(member.req_id, status)
        out.finish_reason, out.stop_reason = reason, stop_reason

    def _arrol_output(
        self,
        member: Member,
        written: dict[str, EngineCoreOutput],
        outputs: dict[int, EngineCoreOutputs],
    ) -> EngineCoreOutput:
        """The member's output of this step, made where it was not scheduled in it."""
        out = written.get(member.req_id)
        if out is None:
            client = self.requests[member.req_id].client_index
            out = EngineCoreOutput(request_id=member.req_id, new_token_ids=[])
            outputs.setdefault(client, EngineCoreOutputs(outputs=[])).outputs.append(out)
            written[member.req_id] = out
        return out

    def _arrol_report(self, member: Member) -> Report:
        probes = member.group.rules.probes_of(member.plan["index"])
        quality, confidence = _ending(member.signals, member.pruned)
        earlier = member.run[-2::-1] if member.stops_outside else ()
        return Report(
            quality=quality,
            confidence=confidence,
            tokens=member.tokens,
            earlier=[_ending(signals) for signals in earlier],
            probes=[(probe.tokens, probe.score, probe.survival) for probe in probes],
            head_version=member.head_version,
            groups=len(self.arrol_groups),
        )


def _ending(signals: Sequence[float], pruned: bool = False) -> tuple[float | None, float | None]:
    """Quality and confidence of a candidate that ends with this token; None: not computed."""
    at_probe, confidence, at_end = signals
    quality = at_probe if pruned else at_end
    return (
        None if math.isnan(quality) else quality,
        None if math.isnan(confidence) else confidence,
    )


class SyncPruningScheduler(PruningMixin, Scheduler):
    """For engines that wait for each step (CPU)."""


class AsyncPruningScheduler(PruningMixin, AsyncScheduler):
    """For engines that schedule the next step while this one runs (GPU)."""


def make_scheduler(*, vllm_config: Any, **kwargs: Any) -> Scheduler:
    """vLLM's ``scheduler_cls``: the variant that fits, known only once the config is resolved."""
    asynchronous = vllm_config.scheduler_config.async_scheduling
    chosen = AsyncPruningScheduler if asynchronous else SyncPruningScheduler
    return chosen(vllm_config=vllm_config, **kwargs)
