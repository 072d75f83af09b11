"""Which quality head scores whom: a search keeps the head that it began with when another is swapped in.

The worker sees only candidates that run. A search whose others still queue, or whose next group is still to
be launched, has none here for a while, so its head is kept until all its candidates have been. Some never
come, of searches that were decided early or whose client left: those are let go after ``LINGER_S``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from arrol_serve.quality.head import QualityHead

LINGER_S = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class NamedHead:
    """A head, or none, and what its scores are tagged with."""

    head: QualityHead | None = None
    version: str | None = None


@dataclass(slots=True)
class _Pin:
    named: NamedHead
    to_come: int
    """Candidates of the search that have not been here."""
    here: int = 0


class Heads:
    """The head in force and those that searches are still scored by.

    An old head is held by its searches alone, and freed with the last of them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.current = NamedHead()
        self.adapters: dict[str, NamedHead] = {}
        """Heads of LoRA adapters, by their names; loaded at start, and not swapped."""
        self._clock = clock
        self._pins: dict[str, _Pin] = {}
        self._left: dict[str, float] = {}
        """Searches with candidates still to come and none here, and since when; oldest first."""

    @property
    def in_use(self) -> int:
        """Different heads in memory, the one in force among them."""
        self._forget()
        named = {id(self.current), *(id(pin.named) for pin in self._pins.values())}
        return len(named)

    def admit(self, search: str, candidates: int, adapter: str | None = None) -> NamedHead:
        """The head for one more candidate of a search that has ``candidates`` in all.

        An adapter without a head of its own has none: the base model's knows other hidden states.
        """
        self._forget()
        pin = self._pins.get(search)
        if pin is None:
            named = self.current if adapter is None else self.adapters.get(adapter, NamedHead())
            pin = self._pins[search] = _Pin(named, candidates)
        pin.to_come -= 1
        pin.here += 1
        self._left.pop(search, None)
        return pin.named

    def release(self, search: str) -> None:
        """One of its candidates has ended."""
        pin = self._pins[search]
        pin.here -= 1
        if pin.here:
            return
        if pin.to_come > 0:
            self._left[search] = self._clock()
        else:
            del self._pins[search]

    def _forget(self) -> None:
        """Let go of searches that have been gone for ``LINGER_S``."""
        while self._left:
            search, since = next(iter(self._left.items()))
            if self._clock() - since < LINGER_S:
                return
            del self._left[search], self._pins[search]
