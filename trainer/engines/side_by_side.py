"""Many requests to servers at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

AT_ONCE = 256
"""Requests under way, all servers together."""
T = TypeVar("T")
R = TypeVar("R")


def side_by_side(call: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """``call`` of each item, in order; the first error ends it, and what has not begun does not begin."""
    with ThreadPoolExecutor(max(1, min(AT_ONCE, len(items)))) as threads:
        futures = [threads.submit(call, item) for item in items]
        try:
            return [future.result() for future in futures]
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
