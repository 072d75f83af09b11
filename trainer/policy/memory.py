"""Passes that run out of memory are made again with fewer tokens, until each is one rollout by itself."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

from trainer.errors import OutOfMemory

T = TypeVar("T")
CPU_SAYS = ("can't allocate memory", "not enough memory", "bad_alloc", "out of memory")
"""What a ``RuntimeError`` holds where the allocator of a CPU, or oneDNN, gets none."""


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(part in text for part in CPU_SAYS)


@contextmanager
def naming_memory(what: str, why: str) -> Iterator[None]:
    """``OutOfMemory`` for what can be neither made smaller nor made again."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"{what} ran out of memory ({why}): train adapters (lora.rank), use more ranks or, on a GPU, "
            "lower rollout.gpu_memory. Checkpoints are untouched."
        ) from error


class PassBudget:
    """``tokens``: padded ones of a pass, at first ``optim.tokens_per_pass``; halved where that is too much.

    What has run out of memory once does so again, so it stays halved.
    """

    def __init__(self, tokens: int, *, alone: bool) -> None:
        """``alone``: this process trains by itself. Ranks wait for each other inside of passes, so one of
        them cannot go back."""
        self.tokens = tokens
        self.halvings = 0
        self._alone = alone

    def within(self, passes: Callable[[], T], lengths: Sequence[int]) -> T:
        """``passes()``, which makes all passes over rows of ``lengths`` by ``tokens``, from the start.

        It is called again, after halving, as often as that may help. Raises ``OutOfMemory``.
        """
        while True:
            try:
                return passes()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                said = str(error).strip().splitlines()
            # Outside of ``except``, where the error no longer holds the tensors of its frames.
            self._halve(lengths, said[0] if said else "out of memory")

    def lower_to(self, tokens: int | None) -> None:
        """What a checkpoint has as ``lowered``."""
        self.tokens = min(self.tokens, tokens or self.tokens)

    @property
    def lowered(self) -> int | None:
        """None: nothing has run out of memory."""
        return self.tokens if self.halvings else None

    def _halve(self, lengths: Sequence[int], said: str) -> None:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        longest = max(lengths, default=0)
        most = min(self.tokens, longest * len(lengths))
        if not self._alone:
            raise OutOfMemory(
                f"A pass of up to {most} tokens ran out of memory ({said}). Ranks cannot make a pass again: "
                f"set optim.tokens_per_pass below {self.tokens}, or optim.gradient_checkpointing = true, and "
                "go on with --resume auto."
            )
        if most <= longest:
            raise OutOfMemory(
                f"A pass over one rollout of {longest} tokens, its prompt's too, ran out of memory ({said}); "
                "a lower optim.tokens_per_pass cannot help. Set optim.gradient_checkpointing = true, lower "
                "rollout.max_tokens or, on a GPU, rollout.gpu_memory, or train adapters (lora.rank)."
            )
        # More than ``most`` was not in a pass, and less than ``longest`` is not in one either.
        before, self.tokens = self.tokens, max(longest, most // 2)
        self.halvings += 1
        print(
            f"\noptim.tokens_per_pass: a pass of up to {most} tokens ran out of memory; this run goes on "
            f"with {self.tokens} in place of {before}. Set that, and no step is made twice.",
            file=sys.stderr,
        )
