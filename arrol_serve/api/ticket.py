"""Carries one search through vLLM's serving classes: the plan in, the outcome out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from arrol_serve.pipeline import Progress, SearchOutcome
from arrol_serve.sampling_plan import SearchPlan

TICKET_KEY = "arrol_ticket"
"""Its key in ``SamplingParams.extra_args`` between the route and the engine client."""


@dataclass(slots=True, eq=False)
class SearchTicket:
    """One per request; nobody else holds it, and it never leaves the process."""

    plan: SearchPlan
    choices: int = 1
    """OpenAI's ``n``: distinct answers to return at most."""
    listener: Callable[[Progress], None] | None = None
    outcome: SearchOutcome | None = None
    failure: Exception | None = None
    prompt_tokens: int = 0
    head_version: str | None = None
    engine_groups: int = 0

    def __deepcopy__(self, memo: dict[int, object]) -> SearchTicket:
        return self  # vLLM clones sampling parameters; the route must see the same ticket

    @property
    def generated_tokens(self) -> int:
        """All tokens of all candidates: the change of the engine's own counter."""
        return sum(r.token_count for r in self.outcome.rollouts) if self.outcome else 0
