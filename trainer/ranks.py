"""The processes of one run, started by torchrun: who this one is, and how all of them agree.

Without torchrun there is one rank, and nothing here does anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from arrol_serve.errors import ArrolError
from trainer.errors import ConfigError, RankFailed
from trainer.precision import device

T = TypeVar("T")


Failure = tuple[type[ArrolError], str]
"""An error as it travels: its type and message."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """``rank`` of ``size``. All ranks must call each method together, in the same order."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes logs and checkpoints."""
        return self.rank == 0

    def all(self, call: Callable[[], T]) -> list[T]:
        """What ``call`` returned on each rank, in order of ranks.

        Raises on every rank what the first failing rank raised; ``RankFailed`` where that was not
        an ``ArrolError``. Nobody waits for one that failed.
        """
        if self.size == 1:
            return [call()]
        value: Any = None
        mine: Exception | None = None
        try:
            value = call()
        except Exception as error:  # noqa: BLE001 - raised again below, when everyone knows
            mine = error
        shared: list[tuple[T, Failure | None]] = self._exchange((value, _portable(mine)))
        if mine is not None and not isinstance(mine, ArrolError):
            raise mine
        for rank, (_, failure) in enumerate(shared):
            if failure is not None:
                kind, message = failure
                raise mine or kind(f"rank {rank}: {message}")
        return [found for found, _ in shared]

    def on_first(self, call: Callable[[], T]) -> T | None:
        """What ``call`` returned on the first rank, None on the others. Raises like ``all``."""
        made: list[T] = []
        self.all(lambda: made.append(call()) if self.first else None)
        return made[0] if made else None

    def share(self, items: Sequence[T], *, first_only: bool) -> Sequence[T]:
        """What of ``items`` this rank is to work on: every ``size``-th, or all on the first rank."""
        if first_only:
            return items if self.first else items[:0]
        return items[self.rank :: self.size]

    def any(self, flag: bool) -> bool:
        return any(self.all(lambda: flag))

    def _exchange(self, value: T) -> list[T]:
        found: list[T] = [value] * self.size
        with self.watching():
            dist.all_gather_object(found, value)
        return found

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Raises ``RankFailed`` where what is inside finds another rank gone, or nobody in time."""
        try:
            yield
        except RuntimeError as error:
            known = isinstance(error, ArrolError) or self.size == 1
            if known or not (isinstance(error, dist.DistError) or "gloo" in str(error)):
                raise
            raise RankFailed(
                f"rank {self.rank} lost the others ({str(error).splitlines()[0]}): look for the first "
                "error among the ranks' messages. The last checkpoint is whole."
            ) from error

    def close(self) -> None:
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()


def open_ranks(timeout_s: float) -> Ranks:
    """Join the ranks that torchrun started; the one rank there is without it.

    ``timeout_s``: how long one waits for the others. Raises ``ConfigError`` where they cannot be
    reached.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Ranks()
    here = device()
    if here.type == "cuda":
        torch.cuda.set_device(here)
    backend = "cpu:gloo,cuda:nccl" if here.type == "cuda" else "gloo"
    try:
        dist.init_process_group(backend, timeout=timedelta(seconds=timeout_s))
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"the ranks cannot reach each other: {error}. Start them with torchrun."
        ) from error
    return Ranks(dist.get_rank(), size)


def _portable(error: Exception | None) -> Failure | None:
    if error is None:
        return None
    if isinstance(error, ArrolError):
        return type(error), error.message
    return RankFailed, f"{type(error).__name__}: {error}"
