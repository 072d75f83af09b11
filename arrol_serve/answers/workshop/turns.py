"""Whose job is next: owners take turns, so that a search of 256 hard answers delays no other."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Queues by owner, served round robin."""

    def __init__(self) -> None:
        self._queues: OrderedDict[Hashable, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def put(self, owner: Hashable, job: T) -> None:
        self._queues.setdefault(owner, deque()).append(job)

    def take(self) -> T | None:
        """The next job of the owner who has waited longest; None: there is none."""
        if not self._queues:
            return None
        owner, queue = self._queues.popitem(last=False)
        job = queue.popleft()
        if queue:
            self._queues[owner] = queue  # at the end of the line
        return job

    def clear(self) -> list[T]:
        jobs = [job for queue in self._queues.values() for job in queue]
        self._queues.clear()
        return jobs
