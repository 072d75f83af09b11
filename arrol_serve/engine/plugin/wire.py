"""What crosses between the server and the engine, all plain JSON types.

In: ``SamplingParams.extra_args["arrol"]``, a ``MemberPlan`` per candidate. Out: a ``Report`` under
``kv_transfer_params["arrol"]`` of the candidate's last output. In between, worker to scheduler:
``StepScores`` on the model runner's output, and back: ``EndedLengths`` on the scheduler's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, cast

KEY = "arrol"
CONFIDENCE_WINDOW = 2048
"""Tokens in DeepConf's sliding window, and the most that one may have."""


class MemberPlan(TypedDict):
    """One candidate's share of its group's plan, see ``GroupPlan.member``."""

    search: str
    """Unique id of what the group is for: one head scores all groups of a search."""
    candidates: int
    """Of the search, in all its groups."""
    group: str
    """Unique id of the rollout group."""
    size: int
    """Candidates in the group."""
    started: int
    """Candidates of the search's earlier groups."""
    index: int
    """This candidate's place in the group."""
    probes: list[int]
    """Generated-token counts at which the survival policy looks; empty: never."""
    earlier: list[list[float]]
    """By probe, the scores of candidates of earlier groups that were judged there; empty: none."""
    policy: dict[str, Any]
    """Survival policy by name with its parameters, see ``pruning.survival.policy_from_spec``."""
    seed: int
    min_survivors: int
    max_total_tokens: int | None
    """The search's cap on generated tokens, all its candidates together."""
    spent: int
    """What earlier groups have used of it, as far as it was known."""
    signals: list[str]
    """Which signals the worker computes: ``quality``, ``confidence``."""
    prune_by: str
    """The signal that the survival policy sees."""
    confidence_window: int
    """Tokens, at most ``CONFIDENCE_WINDOW``, that the signal ``confidence`` is the mean of."""
    record: list[int] | None
    """Token counts at which to keep the head's inputs for training; None: keep none."""
    adapter: str | None
    """LoRA adapter whose own head scores; None: the base model's."""
    watched: bool
    """Whether a report goes out when the candidate has been judged at a probe and lives on."""


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """How one rollout group is sampled; the fields are those of ``MemberPlan``."""

    search: str
    size: int
    candidates: int
    group: str = ""
    """The search's name if it is empty."""
    started: int = 0
    probes: Sequence[int] = ()
    earlier: Sequence[Sequence[float]] = ()
    policy: Mapping[str, Any] = field(default_factory=lambda: {"name": "never"})
    seed: int = 0
    min_survivors: int = 1
    max_total_tokens: int | None = None
    spent: int = 0
    signals: Sequence[str] = ()
    prune_by: str = "quality"
    confidence_window: int = CONFIDENCE_WINDOW
    record: Sequence[int] | None = None
    adapter: str | None = None
    watched: bool = False

    def member(self, index: int) -> MemberPlan:
        """The plan of the candidate at this place of the group."""
        return MemberPlan(
            search=self.search,
            candidates=self.candidates,
            group=self.group or self.search,
            size=self.size,
            started=self.started,
            index=index,
            probes=list(self.probes),
            earlier=[list(scores) for scores in self.earlier],
            policy=dict(self.policy),
            seed=self.seed,
            min_survivors=min(self.min_survivors, self.size),
            max_total_tokens=self.max_total_tokens,
            spent=self.spent,
            signals=list(self.signals),
            prune_by=self.prune_by,
            confidence_window=self.confidence_window,
            record=None if self.record is None else list(self.record),
            adapter=self.adapter,
            watched=self.watched,
        )


class Report(TypedDict):
    """What the engine tells about a candidate that ended."""

    quality: float | None
    """Calibrated logit at the last token."""
    confidence: float | None
    probes: list[tuple[int, float, float]]
    """(generated tokens, score, survival probability) for each probe crossed."""
    head_version: str | None
    """Of the head that scored it, from its first token to its last."""
    groups: int
    """Rollout groups alive in the engine after this one ended; for leak checks and metrics."""


@dataclass(slots=True)
class StepScores:
    """Scores of one engine step, NaN where not computed.

    ``values[i] = [quality logit at a probe, confidence, quality logit at the last token]``: only the
    scheduler knows which token is the last.
    """

    req_ids: list[str] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)
    head_versions: list[str | None] = field(default_factory=list)


@dataclass(slots=True)
class EndedLengths:
    """Scheduler to workers, with a step's schedule: tokens of recorded rollouts that have ended.

    A step that was in flight when the end was found has sampled tokens that nobody gets.
    """

    tokens: dict[str, int] = field(default_factory=dict)


def plan_of(sampling_params: Any) -> MemberPlan | None:
    """The candidate's plan, or None for a request that is not ours."""
    extra: Mapping[str, Any] | None = getattr(sampling_params, "extra_args", None)
    plan = extra.get(KEY) if extra else None
    # Other routes pass a client's own ``vllm_xargs`` through, where this key may hold anything.
    whole = isinstance(plan, dict) and plan.keys() >= MemberPlan.__required_keys__
    return cast(MemberPlan, plan) if whole else None
