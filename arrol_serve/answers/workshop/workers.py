"""A pool of worker processes that says so when it is broken, or gets nowhere."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from pebble import ProcessPool

from arrol_serve.answers.workshop.jobs import prepare

BEAT_S = 1.0
"""Seconds between looks at whether the pool still lives: pebble drops the jobs of a broken one."""
RESTART_S = 15.0
"""Seconds that a killed worker's successor may take to start and import sympy."""


class Workers:
    """pebble's pool. Its limit on a job begins when a worker takes the job up."""

    def __init__(self, count: int) -> None:
        self._pool = ProcessPool(
            max_workers=count,
            initializer=prepare,
            context=multiprocessing.get_context("spawn"),  # the server has threads: no fork
        )
        self._moved = 0.0

    def schedule(
        self, function: Callable[..., Any], args: tuple[Any, ...], limit_s: float
    ) -> Future[Any]:
        """Raises ``RuntimeError`` if the pool is broken: a dead idle worker makes pebble give it up."""
        future: Future[Any] = self._pool.schedule(function, args=args, timeout=limit_s)
        return future

    def moved(self) -> None:
        """A job has ended."""
        self._moved = time.monotonic()

    def check(self, began: float, limit_s: float) -> None:
        """Raises ``BrokenProcessPool`` where a job waits in vain: workers can be frozen, too."""
        if not self._pool.active:
            raise BrokenProcessPool("the answer pool stopped")
        waited = time.monotonic() - max(self._moved, began)
        if waited > limit_s + RESTART_S:
            self.stop()
            raise BrokenProcessPool(f"the answer pool ended no job for {waited:.0f} s")

    def stop(self) -> None:
        self._pool.stop()

    def discard(self) -> None:
        """End the workers, whatever they are doing. Blocks."""
        self._pool.stop()
        self._pool.join()
