"""What the pipeline needs of an engine: candidates of one prompt that start, end and can be called off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from arrol_serve.rollout import Rollout


class CandidateSampler(Protocol):
    """The candidates of one request. Every launched candidate is delivered exactly once."""

    @property
    def running(self) -> int:
        """Candidates launched and not yet delivered by ``next_ended``."""

    async def launch(self, indices: Sequence[int]) -> None:
        """Start one rollout group of these candidates; they prune among themselves."""

    async def next_ended(self, timeout_s: float | None) -> Rollout | None:
        """The next candidate to end, in any way; None when ``timeout_s`` passes first."""

    async def cancel(self) -> None:
        """Call off all running candidates; they still arrive, with the tokens they had."""

    async def close(self) -> None:
        """Abort whatever still runs and free it. Safe to call twice, and when cancelled."""
