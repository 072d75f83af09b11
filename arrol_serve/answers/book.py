"""The answers of one search, clustered as they come in."""

from __future__ import annotations

import asyncio

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec


class AnswerBook:
    """Equivalent answers share one string: that of the rollout that came first.

    Which string stands for a cluster depends on the order of arrival; which rollouts share one
    does not, as long as equivalence is transitive.
    """

    def __init__(self, pool: AnswerPool, spec: AnswerSpec) -> None:
        self._pool, self._spec = pool, spec
        self._known: list[str] = []
        self._adding = asyncio.Lock()
        self.answers: dict[int, str | None] = {}
        """Rollout index -> its cluster's answer; None: it holds no answer."""
        self.timeouts = 0

    async def add(self, rollout: int, text: str) -> str | None:
        """Read a rollout's text; return its cluster's answer."""
        async with self._adding:
            reading = await self._pool.read(text, self._spec, self._known)
            self.timeouts += reading.timed_out
            answer = reading.answer
            if answer is not None and reading.matches is not None:
                answer = self._known[reading.matches]
            elif answer is not None:
                self._known.append(answer)
            self.answers[rollout] = answer
            return answer
