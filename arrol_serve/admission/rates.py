"""What one API key may do in a minute, and at once. Windows are counted by the ``limits`` library."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter

from arrol_serve.admission.queue import Key


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request may not come in now."""

    reason: str
    """concurrency, requests or tokens."""
    limit: int
    retry_after_s: int


class Rates:
    """Limits of each key; None: no limit."""

    def __init__(self, concurrent: int | None, requests: int | None, tokens: int | None) -> None:
        """``requests`` and ``tokens`` (generated ones) are per minute."""
        storage = MemoryStorage()
        self._concurrent = concurrent
        self._requests = None if requests is None else RateLimitItemPerMinute(requests)
        self._tokens = None if tokens is None else RateLimitItemPerMinute(tokens)
        self._moving = MovingWindowRateLimiter(storage)
        self._fixed = FixedWindowRateLimiter(storage)
        self._inside: Counter[Key] = Counter()

    def enter(self, key: Key) -> Refusal | None:
        """Count a request in, or say why not. Tokens are known afterwards: spent ones count."""
        if self._concurrent is not None and self._inside[key] >= self._concurrent:
            return Refusal("concurrency", self._concurrent, 1)
        tokens, requests = self._tokens, self._requests
        if tokens is not None and not self._fixed.test(tokens, "tokens", str(key)):
            return _refusal("tokens", self._fixed, tokens, key)
        if requests is not None and not self._moving.hit(requests, "requests", str(key)):
            return _refusal("requests", self._moving, requests, key)
        self._inside[key] += 1
        return None

    def leave(self, key: Key) -> None:
        self._inside[key] -= 1
        if not self._inside[key]:
            del self._inside[key]

    def spend(self, key: Key, tokens: int) -> None:
        """Count generated tokens, above the limit too: they have been generated."""
        if self._tokens is not None and tokens > 0:
            self._fixed.hit(self._tokens, "tokens", str(key), cost=tokens)


def _refusal(reason: str, limiter: RateLimiter, item: RateLimitItem, key: Key) -> Refusal:
    free_at = limiter.get_window_stats(item, reason, str(key)).reset_time
    return Refusal(reason, item.amount, max(1, math.ceil(free_at - time.time())))
