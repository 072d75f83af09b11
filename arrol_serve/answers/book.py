"""The answers of one search, clustered as they come in."""

from __future__ import annotations

import asyncio

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec


class AnswerBook:
    """Equivalent answers share one string: that of the rollout that came first.

    Guaranteed: adds take effect one after another, in the order of the calls; an answer joins the
    oldest cluster whose first answer it equals, and never moves. Which string stands for a
    cluster depends on the order; which rollouts share one does not, as far as equivalence is
    transitive (50% equals both 50 and 0.5) and nothing times out.
    """

    def __init__(self, pool: AnswerPool, spec: AnswerSpec) -> None:
        self._pool, self._spec = pool, spec
        self._known: list[str] = []
        self._opaque: set[int] = set()
        """Clusters whose answer took too long to compare; only the same spelling joins them."""
        self._adding = asyncio.Lock()
        self.answers: dict[int, str | None] = {}
        """Rollout index -> its cluster's answer; None: it holds no answer."""
        self.timeouts = 0
        """Rollouts that could not be read, or compared but by spelling, in time."""

    async def add(self, rollout_index: int, text: str) -> str | None:
        """Read a rollout's text; return its cluster's answer, None if it holds none."""
        async with self._adding:
            reading = await self._pool.read(text, self._spec, self._known, self._opaque)
            self.timeouts += reading.timed_out
            answer = reading.answer
            if reading.matches is not None:
                answer = self._known[reading.matches]
            elif answer is not None:
                if reading.timed_out:
                    self._opaque.add(len(self._known))
                self._known.append(answer)
            self.answers[rollout_index] = answer
            return answer
