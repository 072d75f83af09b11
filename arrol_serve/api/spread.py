"""Which engine answers a search, where several serve the same model (data parallel)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Place:
    """Where one search runs."""

    rank: int | None
    """The engine's data-parallel rank; None: there is only one."""
    held: int
    """Candidates that it counts for."""
    _outstanding: list[int] | None = None

    def holds(self, candidates: int) -> None:
        """``candidates`` are in the engine now; the most so far counts."""
        more = max(0, candidates - self.held)
        self.held += more
        if self._outstanding is not None and self.rank is not None:
            self._outstanding[self.rank] += more


class EngineSpread:
    """Gives each search to the engine with the fewest candidates outstanding.

    A whole group goes to one engine: its members prune among themselves there, and share the KV cache
    of their prompt. Plain requests are spread by vLLM.
    """

    def __init__(self, engines: int) -> None:
        self._outstanding = [0] * engines
        self._next = 0

    @contextmanager
    def place(self, candidates: int) -> Iterator[Place]:
        """The search's place while it runs."""
        engines = len(self._outstanding)
        if engines == 1:
            yield Place(None, candidates)
            return
        order = [(self._next + i) % engines for i in range(engines)]  # ties go round
        rank = min(order, key=self._outstanding.__getitem__)
        self._next = (rank + 1) % engines
        place = Place(rank, 0, self._outstanding)
        place.holds(candidates)
        try:
            yield place
        finally:
            self._outstanding[rank] -= place.held
