"""Seconds by phase of a step: those that passed, and those that this process spent on a processor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray


class Stopwatch:
    """Adds up the seconds of each phase since it was made; a phase inside another counts for itself alone.

    Processor seconds are those of all threads of this process. On a busy machine they say more than
    what passed, but not all: neighbours take caches and memory bandwidth.
    """

    def __init__(self) -> None:
        self._began = _now()
        self._inner = np.zeros(2)
        """Spent in phases inside the one that is under way."""
        self._spent: dict[str, NDArray[np.float64]] = {}
        """By phase: [passed, on a processor]."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began, outer, self._inner = _now(), self._inner, np.zeros(2)
        try:
            yield
        finally:
            spent = _now() - began
            self._spent[name] = self._spent.get(name, 0.0) + spent - self._inner
            self._inner = outer + spent

    def phases(self) -> dict[str, float]:
        """As metrics."""
        return _row(self._spent)

    def row(self) -> dict[str, float]:
        """As metrics, with the total."""
        return _row(self._spent | {"total": _now() - self._began})


def _now() -> NDArray[np.float64]:
    return np.array([time.monotonic(), time.process_time()])


def _row(spent: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    passed = {f"seconds/{name}": float(both[0]) for name, both in spent.items()}
    return passed | {f"seconds_cpu/{name}": float(both[1]) for name, both in spent.items()}
