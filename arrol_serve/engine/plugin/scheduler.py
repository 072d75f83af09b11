"""The scheduler: vLLM's own, plus rollout groups whose survival policy ends members.

``update_from_output`` lets vLLM do its work, then hands each scored token to its group; what the
group's policy decides is carried out at once: the member is freed with its KV blocks and its last
output says ``stop_reason="arrol_pruned"``. It is a *stop*, never an abort: frameworks retry aborts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs, FinishReason
from vllm.v1.request import RequestStatus

from arrol_serve.ending import end_so_when_done
from arrol_serve.engine.plugin.agenda import Agenda
from arrol_serve.engine.plugin.compat import check_vllm
from arrol_serve.engine.plugin.members import LiveGroup, Member
from arrol_serve.engine.plugin.orphan import die_with_parent
from arrol_serve.engine.plugin.wire import KEY, EndedLengths, MemberPlan, StepScores, plan_of
from arrol_serve.pruning.group import Decision, Group
from arrol_serve.pruning.ledger import Ledger
from arrol_serve.rollout import BUDGET_STOP_REASON, PRUNED_STOP_REASON

NO_SCORES = StepScores()


class PruningMixin(Scheduler if TYPE_CHECKING else object):  # type: ignore[misc]
    """What both schedulers gain. Groups live exactly as long as they have members."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_vllm()
        die_with_parent()
        super().__init__(*args, **kwargs)
        self.arrol_groups: dict[str, LiveGroup] = {}
        self._arrol_members: dict[str, Member] = {}
        self._arrol_agenda = Agenda()
        """When each member may next have come to a probe, or to its first token."""
        self._arrol_deciding: dict[str, LiveGroup] = {}
        """Groups with decisions to be carried out."""
        self._arrol_capped: dict[str, Member] = {}
        """Live members of searches with a cap on tokens: each of theirs is counted."""
        self._arrol_ended: dict[str, Member] = {}
        """Members that ended since the last outputs: their report is still to be written."""
        self._arrol_telling: dict[str, Member] = {}
        """Live members with stop strings: every output of theirs carries a report."""
        self._arrol_passed: dict[str, Member] = {}
        """Watched members that were judged in this step and live on: a report goes out."""
        self._arrol_lengths: dict[str, int] = {}
        """Tokens of recorded members that ended since the last schedule."""
        self._arrol_width = 1 + self.vllm_config.num_speculative_tokens
        """Tokens that a member may get in a step at most."""
        self._arrol_ledger = Ledger()
        self._arrol_spent: set[str] = set()
        """Searches whose cap was reached in this step."""

    def add_request(self, request: Any) -> None:
        super().add_request(request)
        plan = plan_of(request.sampling_params)
        if plan is not None and request.request_id not in self._arrol_members:
            self._arrol_join(request, plan)

    def _arrol_join(self, request: Any, plan: MemberPlan) -> None:
        group = self.arrol_groups.get(plan["group"])
        if group is None:
            rules, cap = Group(plan), plan["max_total_tokens"]
            group = LiveGroup(plan["group"], rules, plan["search"], cap)
            self.arrol_groups[plan["group"]] = group
            if cap is not None:
                self._arrol_ledger.open(group.search, plan["spent"])
        member = Member(request, plan, group, stops_outside=bool(request.sampling_params.stop))
        group.members[plan["index"]] = self._arrol_members[request.request_id] = member
        if member.stops_outside:
            self._arrol_telling[request.request_id] = member
        if group.cap is not None:
            self._arrol_capped[request.request_id] = member
        group.rules.join(plan["index"])
        member.expect_probe()

    def schedule(self, *args: Any, **kwargs: Any) -> Any:
        """Send the workers the lengths of rollouts that they recorded: they may have sampled more."""
        output = super().schedule(*args, **kwargs)
        if self._arrol_lengths:
            setattr(output, KEY, EndedLengths(self._arrol_lengths))
            self._arrol_lengths = {}
        return output

    def shutdown(self) -> None:
        super().shutdown()
        end_so_when_done()

    def _free_request(self, request: Any, delay_free_blocks: bool = False) -> Any:
        freed = super()._free_request(request, delay_free_blocks)
        member = self._arrol_members.pop(request.request_id, None)
        self._arrol_telling.pop(request.request_id, None)
        self._arrol_capped.pop(request.request_id, None)
        if member is not None:
            self._arrol_agenda.drop(request.request_id)
            if member.plan["record"] is not None:
                self._arrol_lengths[request.request_id] = member.tokens
            self._leave(member, aborted=request.status == RequestStatus.FINISHED_ABORTED)
        return freed

    def _leave(self, member: Member, *, aborted: bool) -> None:
        group, index = member.group, member.plan["index"]
        group.members.pop(index, None)
        self._arrol_decide(group, group.rules.leave(index, pruned=member.pruned))
        if not group.members:
            self.arrol_groups.pop(member.plan["group"], None)
        if not aborted:  # an aborted request's report is never read
            self._arrol_ended[member.req_id] = member

    def _arrol_decide(self, group: LiveGroup, decisions: Sequence[Decision]) -> None:
        if decisions:
            group.decisions += decisions
            self._arrol_deciding[group.name] = group

    def update_from_output(self, scheduler_output: Any, model_runner_output: Any) -> Any:
        outputs = super().update_from_output(scheduler_output, model_runner_output)
        if self._arrol_members or self._arrol_ended:
            for new in scheduler_output.scheduled_new_reqs:
                if new.req_id in self._arrol_members:
                    self._arrol_agenda.put(new.req_id, 1)
            scores: StepScores = getattr(model_runner_output, KEY, NO_SCORES)
            self._arrol_step(outputs, scores)
        return outputs

    def _arrol_step(self, outputs: dict[int, EngineCoreOutputs], scores: StepScores) -> None:
        due = self._arrol_agenda.next_step()
        if not (
            due
            or scores.req_ids
            or self._arrol_ended
            or self._arrol_deciding
            or self._arrol_capped
            or self._arrol_telling
        ):
            return
        written = {out.request_id: out for batch in outputs.values() for out in batch.outputs}
        scored = zip(scores.req_ids, scores.values, scores.head_versions, strict=True)
        for req_id, run, version in scored:
            member = self._arrol_members.get(req_id) or self._arrol_ended.get(req_id)
            if member is not None and req_id in written:
                member.hear(run, version, len(written[req_id].new_token_ids))
        self._arrol_spend(written)
        self._arrol_observe(due, written)
        for group in self._arrol_to_settle():
            self._arrol_carry_out(group, written, outputs)
        self._arrol_deciding.clear()
        for req_id, member in (
            self._arrol_telling | self._arrol_passed | self._arrol_ended
        ).items():
            if (out := written.get(req_id)) is not None:
                report = member.report(len(self.arrol_groups))
                out.kv_transfer_params = {**(out.kv_transfer_params or {}), KEY: report}
        self._arrol_ended.clear()
        self._arrol_passed.clear()
        self._arrol_spent.clear()

    def _arrol_spend(self, written: dict[str, EngineCoreOutput]) -> None:
        """Count this step's tokens of searches with a cap."""
        ended = [one for one in self._arrol_ended.values() if one.group.cap is not None]
        for member in [*self._arrol_capped.values(), *ended]:
            out, group = written.get(member.req_id), member.group
            new = 0 if out is None else len(out.new_token_ids)
            if new and self._arrol_ledger.spend(group.search, new) >= (group.cap or math.inf):
                self._arrol_spent.add(group.search)

    def _arrol_observe(self, due: Iterable[str], written: dict[str, EngineCoreOutput]) -> None:
        arrived = []
        for req_id in due:
            member = self._arrol_members[req_id]
            out = written.get(req_id)
            new = 0 if out is None else len(out.new_token_ids)
            if new and not member.started:
                member.started = True
                member.group.rules.begin(member.plan["index"])
            if new and member.tokens >= member.next_probe:
                arrived.append((member, member.tokens - new))
            else:
                self._arrol_look_again(member)
        for member, before in arrived:  # only now is it known who generates
            self._arrol_judge(member, before)
        for member, _ in arrived:  # the last of a group decides on all
            member.expect_probe()
            self._arrol_look_again(member)

    def _arrol_look_again(self, member: Member) -> None:
        """In the first step that can bring it to its next probe; in each while it waits for a token."""
        tokens = member.tokens
        if not member.started:
            self._arrol_agenda.put(member.req_id, 1)
        elif member.next_probe < math.inf:
            steps = -(-(member.next_probe - tokens) // self._arrol_width)
            self._arrol_agenda.put(member.req_id, int(steps))

    def _arrol_judge(self, member: Member, before: int) -> None:
        """Show the survival policy what a member that had ``before`` tokens has come to in this step.

        One that waits at a probe is shown to it in every step: its siblings may have joined meanwhile.
        """
        rules, index = member.group.rules, member.plan["index"]
        for tokens, score in member.crossed(before) or [(before, 0.0)]:
            decisions = rules.observe(index, tokens, score)
            self._arrol_decide(member.group, decisions)
            if any(d.index == index and not d.verdict.survives for d in decisions):
                break

    def _arrol_to_settle(self) -> list[LiveGroup]:
        """Groups with decisions, or of searches that have come to their cap."""
        if not self._arrol_spent:
            return list(self._arrol_deciding.values())
        spent = {n: g for n, g in self.arrol_groups.items() if g.search in self._arrol_spent}
        return list((self._arrol_deciding | spent).values())

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
            member.cut_back(decision.tokens, written.get(member.req_id))
            self._arrol_end(member, FinishReason.STOP, PRUNED_STOP_REASON, written, outputs)
        if group.search in self._arrol_spent:
            for member in list(group.members.values()):
                self._arrol_end(member, FinishReason.LENGTH, BUDGET_STOP_REASON, written, outputs)
            group.decisions.clear()

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


class SyncPruningScheduler(PruningMixin, Scheduler):
    """For engines that wait for each step (CPU)."""


class AsyncPruningScheduler(PruningMixin, AsyncScheduler):
    """For engines that schedule the next step while this one runs (GPU)."""


def make_scheduler(*, vllm_config: Any, **kwargs: Any) -> Scheduler:
    """vLLM's ``scheduler_cls``: the variant that fits, known only once the config is resolved."""
    asynchronous = vllm_config.scheduler_config.async_scheduling
    chosen = AsyncPruningScheduler if asynchronous else SyncPruningScheduler
    return chosen(vllm_config=vllm_config, **kwargs)
