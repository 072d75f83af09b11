"""Builders of ended searches, for the tests of what is said about them."""

from __future__ import annotations

from typing import Any

from arrol_serve.answers.reading import read
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.api.ticket import SearchTicket
from arrol_serve.config import ServerConfig
from arrol_serve.pipeline import SearchOutcome, StopCause
from arrol_serve.rollout import Fate, ProbeScore, Rollout
from arrol_serve.sampling_plan import SearchPlan, Selectors, resolve
from arrol_serve.voting import Ballot, tally

HEADED = ServerConfig(head="heads/x", head_id="x-v1", probes=(24,))


def plan(**options: Any) -> SearchPlan:
    made = resolve(Selectors(body={"samples": 4, **options}), HEADED)
    assert made is not None
    return made


ROLLOUTS = (
    Rollout(0, r"so \boxed{1/2}", 30, Fate.FINISHED, quality=0.9, confidence=3.0),
    Rollout(1, r"so \boxed{7}", 40, Fate.FINISHED, quality=0.3, confidence=2.0),
    Rollout(2, "hm", 24, Fate.PRUNED, quality=0.1, probes=(ProbeScore(24, -1.23456, 0.5),)),
    Rollout(3, "I do not know", 6, Fate.FINISHED, quality=0.2),
)
ANSWERS = {0: "1/2", 1: "7", 3: None}


def outcome(
    of: SearchPlan,
    rollouts: tuple[Rollout, ...] = ROLLOUTS,
    answers: dict[int, str | None] = ANSWERS,
    stop: StopCause = "all_done",
) -> SearchOutcome:
    ballots = [Ballot(r.index, answers.get(r.index), r.quality) for r in rollouts if r.votes]
    counted = tally(ballots, of.vote, of.belief)
    ranked = tuple(s.best for s in counted.standings) or (rollouts[0].index,)
    return SearchOutcome(
        plan=of,
        rollouts=rollouts,
        answers=answers,
        tally=counted,
        ranked=ranked,
        stop=stop,
        votable=bool(counted.standings),
        waves=1,
        saved_estimate=11,
        readings={i: read(rf"\boxed{{{a}}}", AnswerSpec()) for i, a in answers.items() if a},
        verifier_timeouts=0,
        latency_ms=12,
        vote_seconds=0.002,
    )


def ended(ticket: SearchTicket, choices: int = 1) -> SearchTicket:
    """The ticket as the engine client leaves it."""
    found = outcome(ticket.plan)
    ticket.outcome = SearchOutcome(
        **{
            **{name: getattr(found, name) for name in SearchOutcome.__slots__},
            "ranked": found.ranked[:choices],
        }
    )
    ticket.prompt_tokens, ticket.head_version = 20, "1"
    return ticket
