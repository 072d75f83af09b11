"""Which engine answers a search, where several serve the same model (data parallel)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class EngineSpread:
    """Gives each search to the engine with the fewest candidates outstanding.

    A whole group goes to one engine: its members prune among themselves there, and share the KV cache
    of their prompt. Plain requests are spread by vLLM.
    """

    def __init__(self, engines: int) -> None:
        self._outstanding = [0] * engines
        self._next = 0

    @contextmanager
    def place(self, candidates: int) -> Iterator[int | None]:
        """The engine's data-parallel rank while the search runs; None: there is only one."""
        engines = len(self._outstanding)
        if engines == 1:
            yield None
            return
        order = [(self._next + i) % engines for i in range(engines)]  # ties go round
        rank = min(order, key=self._outstanding.__getitem__)
        self._next = (rank + 1) % engines
        self._outstanding[rank] += candidates
        try:
            yield rank
        finally:
            self._outstanding[rank] -= candidates
