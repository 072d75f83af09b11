"""Reads the answers of a search beside its sampling."""

from __future__ import annotations

import asyncio
import time

from arrol_serve.answers.book import AnswerBook
from arrol_serve.rollout import Rollout


class Reader:
    """One task for each rollout that is being read."""

    def __init__(self, book: AnswerBook) -> None:
        self._book = book
        self._tasks: dict[asyncio.Task[object], int] = {}
        self.seconds = 0.0
        """Spent on reading, waiting for its turn included."""

    @property
    def tasks(self) -> set[asyncio.Task[object]]:
        """What to wait for."""
        return set(self._tasks)

    @property
    def unread(self) -> set[int]:
        """Rollouts that were to be read and have not been."""
        return set(self._tasks.values())

    def start(self, rollout: Rollout) -> None:
        self._tasks[asyncio.create_task(self._read(rollout))] = rollout.index

    async def _read(self, rollout: Rollout) -> None:
        began = time.monotonic()
        await self._book.add(rollout.index, rollout.text)
        self.seconds += time.monotonic() - began

    def take(self, done: set[asyncio.Task[object]]) -> list[int]:
        """Rollouts whose answers ``done`` has brought; raises what reading raised."""
        read = []
        for task in done & self._tasks.keys():
            read.append(self._tasks.pop(task))
            task.result()
        return read

    def stop(self) -> None:
        """Drop the answers that are no longer needed."""
        for task in self._tasks:
            task.cancel()
