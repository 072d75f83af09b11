"""Hands jobs to the workers, as many at once as there are workers; the others wait for their turn here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from arrol_serve.answers.workshop.turns import Turns
from arrol_serve.answers.workshop.workers import Workers


class Job:
    """One call, waiting for its turn or running."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], limit_s: float) -> None:
        self.function, self.args, self.limit_s = function, args, limit_s
        self.future: Future[Any] = Future()
        self.inner: Future[Any] | None = None
        self.workers: Workers | None = None
        self.began = time.monotonic()

    def check(self) -> None:
        """End it with ``BrokenProcessPool`` where it waits for its worker in vain."""
        if self.workers is None or self.inner is None or self.inner.done():
            return
        try:
            self.workers.check(self.began, self.limit_s)
        except BrokenProcessPool:
            self.inner.cancel()

    def finish(self, inner: Future[Any]) -> None:
        if self.future.done():
            return
        try:
            if inner.cancelled():
                self.future.set_exception(BrokenProcessPool("the answer pool stopped"))
            elif error := inner.exception():
                self.future.set_exception(error)
            else:
                self.future.set_result(inner.result())
        except Exception:  # noqa: BLE001  # the caller cancelled it at this very moment
            return


class Dispatch:
    """Thread-safe. Replaces broken workers; ``crashes`` counts those that died idle."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._workers = Workers(count)
        self._turns: Turns[Job] = Turns()
        self._at_work: set[Job] = set()
        self._closed = False
        self._lock = threading.RLock()
        self.crashes = 0

    def start(
        self, function: Callable[..., Any], args: tuple[Any, ...], limit_s: float, owner: Hashable
    ) -> Job:
        """Raises ``RuntimeError`` once closed."""
        job = Job(function, args, limit_s)
        with self._lock:
            if self._closed:
                raise RuntimeError("the answer pool is closed")
            self._turns.put(owner, job)
        job.future.add_done_callback(lambda _: self._called_off(job))
        self._serve()
        return job

    def check(self) -> None:
        """Fail the jobs that a broken pool has lost: others wait for their places."""
        with self._lock:
            at_work = list(self._at_work)
        for job in at_work:
            job.check()

    def close(self) -> None:
        """What waits fails. Blocks."""
        with self._lock:
            self._closed = True
            waiting = self._turns.clear()
        for job in waiting:
            if not job.future.done():
                job.future.set_exception(RuntimeError("the answer pool is closed"))
        self._workers.discard()

    def _serve(self) -> None:
        while True:
            with self._lock:
                if self._closed or len(self._at_work) >= self._count:
                    return
                job = self._turns.take()
                if job is None:
                    return
                if job.future.done():
                    continue
                inner = self._schedule(job)
                self._at_work.add(job)
            inner.add_done_callback(partial(self._ended, job))

    def _schedule(self, job: Job) -> Future[Any]:
        try:
            inner = self._workers.schedule(job.function, job.args, job.limit_s)
        except RuntimeError:
            self.crashes += 1
            threading.Thread(target=self._workers.discard, daemon=True).start()
            self._workers = Workers(self._count)
            inner = self._workers.schedule(job.function, job.args, job.limit_s)
        job.inner, job.workers, job.began = inner, self._workers, time.monotonic()
        return inner

    def _ended(self, job: Job, inner: Future[Any]) -> None:
        with self._lock:
            self._at_work.discard(job)
        if job.workers is not None and not inner.cancelled():
            job.workers.moved()
        job.finish(inner)
        self._serve()

    def _called_off(self, job: Job) -> None:
        if job.future.cancelled() and job.inner is not None:
            job.inner.cancel()
