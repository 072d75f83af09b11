"""What the pipeline needs of an engine: candidates of one prompt that start, end and can be called off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from arrol_serve.rollout import ProbeScore, Rollout


@dataclass(frozen=True, slots=True)
class Passed:
    """A candidate was judged at its probes so far, and lives on."""

    index: int
    probes: tuple[ProbeScore, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """Running candidates have generated more tokens; ``tokens`` has the counts."""


Event = Rollout | Passed | Moved


class CandidateSampler(Protocol):
    """The candidates of one request. Every launched candidate is delivered exactly once."""

    wants_moves: bool
    """Whether the next engine step is an event."""

    @property
    def running(self) -> int:
        """Candidates launched and not yet delivered by ``next_event``."""

    @property
    def pending(self) -> bool:
        """Whether ``next_event`` has something to say at once."""

    def tokens(self, index: int) -> int:
        """Tokens that a launched candidate is known to have generated."""

    async def launch(self, indices: Sequence[int]) -> None:
        """Start these candidates; they prune among themselves, and by the scores of those before."""

    async def next_event(self) -> Event:
        """The next thing to happen."""

    async def cancel(self) -> None:
        """Call off all running candidates; they still arrive, with the tokens they had."""

    async def close(self) -> None:
        """Abort whatever still runs and free it. Safe to call twice, and when cancelled."""
