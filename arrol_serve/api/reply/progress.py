"""Progress events: what has changed since the last one, as JSON. Pure; one ``Changes`` for a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, cast

from pydantic import with_config
from typing_extensions import TypedDict

from arrol_serve.api.reply.rows import (
    DESCRIBED,
    CandidateState,
    VoteState,
    candidate_row,
    probe_rows,
    rounded,
    vote_row,
)
from arrol_serve.rollout import Fate
from arrol_serve.sampling_plan import SearchPlan
from arrol_serve.search.progress import Lane, Progress
from arrol_serve.search.stop import ByConfidence, StopCause


@with_config(DESCRIBED)
class PlanShown(TypedDict):
    """What the search will do at most."""

    samples: int
    first: int
    """Candidates of the first wave."""
    then: int
    """Candidates of each later wave."""
    probes: list[int]
    """Generated-token counts at which candidates are judged."""
    prune: dict[str, Any] | None
    """The survival policy and its constants."""
    min_survivors: int
    early_stop: dict[str, float] | None
    vote: str
    scorer: str
    max_total_tokens: int | None
    deadline_s: float | None
    preset: str | None


@with_config(DESCRIBED)
class ProgressEvent(TypedDict):
    """How a search stands. ``candidates`` and ``votes`` hold what is new alone."""

    elapsed_ms: int
    """Since it began, after its turn in the queue had come."""
    tokens: int
    """Generated so far by all candidates."""
    saved_estimate: int
    """What ended candidates would have cost, had they run to the mean length of those that finished."""
    running: int
    """In the engine, those included that have no token yet."""
    finished: int
    pruned: int
    waves: int
    """How often candidates were started."""
    leader: str | None
    """The answer that leads."""
    agreement: float | None
    """Its share of the answered ballots."""
    confidence: float | None
    """The probability that it is right; without calibrated scores its share of the weight."""
    plan: NotRequired[PlanShown]
    """In the first event."""
    candidates: NotRequired[list[CandidateState]]
    """Merge them by ``index``."""
    votes: NotRequired[list[VoteState]]
    """Merge them by ``cluster``."""
    stop: NotRequired[StopCause]
    """In the last event: why it ended."""


class Changes:
    """Remembers what a stream has been sent."""

    def __init__(self, plan: SearchPlan) -> None:
        self._plan: SearchPlan | None = plan
        self._texts = plan.returns == "candidates"
        self._lanes: dict[int, tuple[Lane, dict[str, Any]]] = {}
        self._votes: dict[int, dict[str, Any]] = {}
        self._clusters = Clusters()

    def since_last(self, now: Progress) -> ProgressEvent:
        """The next event. All events so far add up to how it stands ``now``."""
        numbers = self._clusters.of({lane.index: lane.answer for lane in now.lanes})
        tally = now.tally
        event = ProgressEvent(
            elapsed_ms=now.elapsed_ms,
            tokens=now.tokens,
            saved_estimate=now.saved_estimate,
            running=now.running,
            finished=now.fated(Fate.FINISHED),
            pruned=now.fated(Fate.PRUNED),
            waves=now.waves,
            leader=tally.standings[0].answer if tally.standings else None,
            agreement=rounded(tally.agreement),
            confidence=rounded(tally.confidence),
        )
        if self._plan is not None:
            event["plan"], self._plan = plan_shown(self._plan), None
        if candidates := self._candidates(now.lanes, numbers):
            event["candidates"] = candidates
        votes = {numbers[s.answer]: {**vote_row(s)} for s in tally.standings}
        if changed := self._changed_votes(votes):
            event["votes"] = changed
        if now.stop is not None:
            event["stop"] = now.stop
        return event

    def _candidates(
        self, lanes: Sequence[Lane], numbers: Mapping[str, int]
    ) -> list[CandidateState]:
        found = []
        for lane in lanes:
            cluster = None if lane.answer is None else numbers[lane.answer]
            told, row = self._lanes.get(lane.index, (None, {}))
            if told == lane and row.get("cluster") == cluster:
                continue
            new = self._row(lane, cluster)
            self._lanes[lane.index] = lane, new
            if changed := _changed(row, new):
                found.append(cast(CandidateState, {"index": lane.index, **changed}))
        return found

    def _row(self, lane: Lane, cluster: int | None) -> dict[str, Any]:
        if lane.ended is None:
            live = {"wave": lane.wave, "fate": str(lane.fate), "tokens": lane.tokens}
            return live | {"probes": probe_rows(lane.probes)}
        row: dict[str, Any] = {
            **candidate_row(lane.ended, lane.wave, lane.answer, lane.reading),
            "cluster": cluster,
        }
        unknown = [] if lane.reading else ["answer", "cluster", "kind", "canonical", "read"]
        for name in unknown if self._texts else [*unknown, "text"]:
            del row[name]
        if lane.ended.fate is Fate.PRUNED and lane.probes:
            row["pruned_at"] = lane.probes[-1].tokens
        return row

    def _changed_votes(self, votes: dict[int, dict[str, Any]]) -> list[VoteState]:
        before, self._votes = self._votes, votes
        found = [(c, _changed(before.get(c, {}), row)) for c, row in votes.items()]
        found += [(c, {"count": 0}) for c in before if c not in votes]
        return [cast(VoteState, {"cluster": c, **changed}) for c, changed in found if changed]


class Clusters:
    """Numbers for answers, which a cluster keeps as it grows and when another spelling stands for it."""

    def __init__(self) -> None:
        self._number_of: dict[int, int] = {}
        """By candidate."""
        self._used = 0

    def of(self, answers: Mapping[int, str | None]) -> dict[str, int]:
        """Answer -> number. ``answers``: by candidate; None: it has none, or none yet."""
        members: dict[str, list[int]] = {}
        for index, answer in answers.items():
            if answer is not None:
                members.setdefault(answer, []).append(index)
        found: dict[str, int] = {}
        for answer, candidates in members.items():
            known = {self._number_of[i] for i in candidates if i in self._number_of}
            number = min(known.difference(found.values()), default=self._used)
            self._used += number == self._used
            found[answer] = number
        self._number_of |= {i: found[a] for i, a in answers.items() if a is not None}
        return found


def plan_shown(plan: SearchPlan) -> PlanShown:
    """A search's plan for those who watch."""
    prune, rule = plan.prune, plan.stop_rule
    early_stop: dict[str, float] | None = None
    if rule is not None:
        level = rule.confidence if isinstance(rule, ByConfidence) else rule.agreement
        early_stop = {rule.reason: level}
    return PlanShown(
        samples=plan.samples,
        first=plan.waves.first,
        then=plan.waves.then,
        probes=[] if prune is None else list(prune.probes),
        prune=None if prune is None else dict(prune.policy),
        min_survivors=1 if prune is None else prune.min_survivors,
        early_stop=early_stop,
        vote=plan.vote,
        scorer=plan.scorer,
        max_total_tokens=plan.max_total_tokens,
        deadline_s=plan.deadline_s,
        preset=plan.preset,
    )


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    nothing = object()
    return {key: value for key, value in now.items() if before.get(key, nothing) != value}
