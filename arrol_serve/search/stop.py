"""When the answer at hand is good enough, and whether that is likely to come soon."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from arrol_serve.belief import Belief, posterior
from arrol_serve.errors import ArrolError, DeadlineExceeded, EngineUnavailable
from arrol_serve.voting import Ballot, VoteRule, beta_majority, decided, tally

Reason = Literal["confidence", "agreement"]
StopCause = Literal[Reason, "all_done", "deadline", "budget", "aborted"]
"""Why a search is over. ``aborted``: others called candidates off, so no more were started."""


@dataclass(frozen=True, slots=True)
class ByConfidence:
    """Stop when the leader is right with at least this probability, by the head and the ``belief``."""

    confidence: float
    vote: VoteRule
    belief: Belief
    reason: Reason = "confidence"

    def settled(self, ballots: Sequence[Ballot], outstanding: int) -> bool:
        """Whether the search may stop, though ``outstanding`` more candidates were allowed.

        Never without a score of every voter. The order of ballots does not matter.
        """
        del outstanding
        scored = all(b.quality is not None for b in ballots if b.answer is not None)
        sure = tally(ballots, self.vote, self.belief).confidence if scored else None
        return sure is not None and sure >= self.confidence

    def in_reach(self, ballots: Sequence[Ballot], running: Sequence[float | None]) -> bool:
        """Whether those that run, with these probabilities of being right, may well settle it.

        As if each joined the leader by the probability that it is right.
        """
        supporters: dict[str, list[float]] = {}
        for ballot in ballots:
            if ballot.answer is not None and ballot.quality is not None:
                supporters.setdefault(ballot.answer, []).append(ballot.quality)
        evidence = self.belief.weigh(supporters)
        leader = max(evidence, key=lambda a: (evidence[a], a), default="")
        joined = self.belief.evidence(
            supporters.get(leader, ()), [p for p in running if p is not None]
        )
        evidence[leader] = max(evidence.get(leader, -math.inf), joined)
        return posterior(evidence, self.belief.doubt)[leader] >= self.confidence


@dataclass(frozen=True, slots=True)
class ByAgreement:
    """Stop when the leader stays ahead with at least this probability, whatever the scores are worth."""

    agreement: float
    vote: VoteRule
    belief: Belief | None = None
    """What the vote goes by, if it is by ``evidence``."""
    reason: Reason = "agreement"

    def settled(self, ballots: Sequence[Ballot], outstanding: int) -> bool:
        """Whether the search may stop, though ``outstanding`` more candidates were allowed."""
        return decided(tally(ballots, self.vote, self.belief), outstanding, self.agreement)

    def in_reach(self, ballots: Sequence[Ballot], running: Sequence[float | None]) -> bool:
        """Whether those that run would settle it if all agreed with the leader."""
        counts = sorted((s.count for s in tally(ballots, "uniform").standings), reverse=True)
        lead, second = [*counts, 0, 0][:2]
        return beta_majority(lead + len(running) + 1, second + 1) >= self.agreement


StopRule = ByConfidence | ByAgreement


def nothing_usable(stop: StopCause | None, deadline_s: float | None) -> ArrolError:
    """What to raise for a search that ended with nothing to return."""
    if stop != "deadline" or deadline_s is None:
        return EngineUnavailable(
            "All candidates were aborted, and not by this request: the engine is being paused, "
            "ends, or has lost a picture of the prompt. Try again."
        )
    return DeadlineExceeded(
        f"No candidate had finished when the deadline of {deadline_s:.3g} s passed. "
        "Raise arrol.deadline_s, or lower arrol.samples or max_tokens.",
        param="arrol.deadline_s",
    )
