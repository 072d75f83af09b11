"""Builders of ended searches, for the tests of what is said about them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from arrol_serve.answers.reading import Reading, read
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.api.ticket import SearchTicket
from arrol_serve.config import ServerConfig
from arrol_serve.pipeline import SearchOutcome, StopCause
from arrol_serve.rollout import Fate, ProbeScore, Rollout
from arrol_serve.sampling_plan import SearchPlan, Selectors, resolve
from arrol_serve.search.progress import Progress, standing
from arrol_serve.search.state import SearchState
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
        wave_of=(0,) * len(rollouts),
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


@dataclass
class Read:
    """Answers as a book has them."""

    answers: dict[int, str | None] = field(default_factory=dict)
    readings: dict[int, Reading] = field(default_factory=dict)


@dataclass
class Race:
    """A search by hand."""

    of: SearchPlan = field(default_factory=plan)
    book: Read = field(default_factory=Read)
    tokens: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        self.state = SearchState(self.book, self.of.vote, self.of.belief, by_head=True)

    def ends(self, rollout: Rollout) -> None:
        self.state.ended(rollout)
        if rollout.votes:
            self.book.readings[rollout.index] = read(rollout.text, AnswerSpec())
            self.book.answers[rollout.index] = self.book.readings[rollout.index].answer

    def now(self, elapsed_ms: int = 250, stop: StopCause | None = None) -> Progress:
        """How it stands."""
        found = standing(self.state, self.tokens.__getitem__, elapsed_ms)
        return replace(found, stop=stop)
