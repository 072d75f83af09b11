"""An ended search in the metrics."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from arrol_serve import metrics
from arrol_serve.api.ticket import SearchTicket
from arrol_serve.errors import Overloaded
from arrol_serve.pipeline import SearchOutcome
from arrol_serve.rollout import Fate, Rollout

CAN_FORGET = "PROMETHEUS_MULTIPROC_DIR" not in os.environ
"""With several processes prometheus_client cannot remove a label: the old head says 0 instead, and after
``metrics.MOST_HEADS`` of them a new one has no name."""


def fate_label(outcome: SearchOutcome, rollout: Rollout) -> str:
    """``rollout.fate``; finished ones as won, voted or no_answer."""
    if rollout.fate is not Fate.FINISHED:
        return rollout.fate.value
    if rollout.index == outcome.tally.winner and outcome.votable:
        return "won"
    return "no_answer" if outcome.answers.get(rollout.index) is None else "voted"


@dataclass(slots=True)
class Accounting:
    """Counts searches of one server."""

    head_id: str | None
    _head: tuple[str, str] | None = field(default=None, init=False)
    _named: set[tuple[str, str]] = field(default_factory=set, init=False)

    def __call__(self, ticket: SearchTicket) -> None:
        """Add a search that has ended, whichever way."""
        metrics.IN_FLIGHT.dec()
        outcome = ticket.outcome
        if outcome is None:
            metrics.REQUESTS.labels(_unanswered(ticket.failure), "none").inc()
            return
        metrics.REQUESTS.labels("answered", outcome.stop).inc()
        metrics.GROUPS.set(ticket.engine_groups)
        self._count_candidates(outcome)
        _count_vote(outcome)
        if outcome.plan.scorer == "head" and ticket.adapter is None:
            self._name_head(ticket.head_version)

    def _count_candidates(self, outcome: SearchOutcome) -> None:
        for rollout in outcome.rollouts:
            fate = fate_label(outcome, rollout)
            metrics.CANDIDATES.labels(fate).inc()
            metrics.TOKENS.labels(fate).inc(rollout.token_count)
            if rollout.fate is Fate.PRUNED:
                metrics.PRUNED_AT.observe(rollout.token_count)

    def _name_head(self, version: str | None) -> None:
        head = self._label(version)
        if head == self._head:
            return
        if self._head is not None:
            metrics.HEAD.labels(*self._head).set(0)
            if CAN_FORGET:
                metrics.HEAD.remove(*self._head)
        metrics.HEAD.labels(*head).set(1)
        self._head = head

    def _label(self, version: str | None) -> tuple[str, str]:
        name = self.head_id or "none"
        head = (name, version or "none")
        if CAN_FORGET or head in self._named:
            return head
        if len(self._named) == metrics.MOST_HEADS:
            return (name, "other")
        self._named.add(head)
        return head


def _unanswered(failure: Exception | None) -> str:
    if failure is None:
        return "client_left"
    return "refused" if isinstance(failure, Overloaded) else "failed"


def _count_vote(outcome: SearchOutcome) -> None:
    metrics.SAVED.inc(outcome.saved_estimate)
    metrics.TIMEOUTS.inc(outcome.verifier_timeouts)
    metrics.SEARCH_SECONDS.observe(outcome.latency_ms / 1000)
    metrics.VOTE_SECONDS.observe(outcome.vote_seconds)
    metrics.VOTES.observe(sum(standing.count for standing in outcome.tally.standings))
    metrics.WAVES.observe(outcome.waves)
    if outcome.tally.agreement is not None:
        metrics.AGREEMENT.observe(outcome.tally.agreement)
    if outcome.tally.confidence is not None:
        metrics.CONFIDENCE.observe(outcome.tally.confidence)
