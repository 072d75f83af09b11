"""Carries one search through vLLM's serving classes: the plan in, the outcome out."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from arrol_serve.errors import InvalidRequest
from arrol_serve.pipeline import SearchOutcome
from arrol_serve.sampling_plan import SearchPlan
from arrol_serve.search.progress import Listener


@dataclass(slots=True, eq=False)
class SearchTicket:
    """One per request; it never leaves the process."""

    plan: SearchPlan
    choices: int = 1
    """OpenAI's ``n``: distinct answers to return at most."""
    adapter: str | None = None
    """LoRA adapter that answers; None: the base model."""
    opens: bool = True
    """Whether an empty output comes before the search, so that vLLM can open its stream."""
    quiet: bool = False
    """Whether a failure ends vLLM's stream without a word, so that the route can say it in its own."""
    temperature: float | None = None
    """What is sampled at in place of the request's 0; None: what the request says."""
    notes: list[str] = field(default_factory=list)
    """What the reply says about the request."""
    listener: Listener | None = None
    outcome: SearchOutcome | None = None
    failure: Exception | None = None
    prompt_tokens: int = 0
    head_version: str | None = None
    engine_groups: int = 0
    spent_tokens: int = 0
    """All that was generated, whether or not there is an outcome."""
    claimed: bool = False

    @property
    def generated_tokens(self) -> int:
        """All tokens of all candidates: the change of the engine's own counter."""
        return sum(r.token_count for r in self.outcome.rollouts) if self.outcome else 0


TICKET: ContextVar[SearchTicket | None] = ContextVar("arrol_ticket", default=None)
"""From the route to the engine client, past vLLM's serving classes, which run in the route's context."""


def claim_ticket() -> SearchTicket | None:
    """The request's ticket. Raises ``InvalidRequest`` when it asks the engine a second time."""
    ticket = TICKET.get()
    if ticket is not None and ticket.claimed:
        raise InvalidRequest(
            "A search answers in one turn, and this request has more: the server would call a tool in "
            'between. Ask for a plain reply with "arrol": false.',
            param="tools",
        )
    if ticket is not None:
        ticket.claimed = True
    return ticket
