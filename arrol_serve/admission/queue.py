"""The order in which waiting requests go ahead: the key with the least in the engine comes first."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

Key = int | None
"""Which API key; None: the server has none."""
UNITS = 1_000_000
"""Parts of an engine-full: whole numbers, so that sums come back to zero."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Entry:
    """One request. Shares are counted in ``units``."""

    key: Key
    share: float
    """What it takes of the engine, see ``demand.share``."""
    search: bool
    running: bool = False
    units: int = field(init=False)

    def __post_init__(self) -> None:
        self.units = _units(self.share)


@dataclass(slots=True)
class _Lane:
    """The requests of one key."""

    plain: deque[Entry] = field(default_factory=deque)
    searches: deque[Entry] = field(default_factory=deque)
    in_engine: int = 0
    last_turn: int = 0

    def of(self, entry: Entry) -> deque[Entry]:
        return self.searches if entry.search else self.plain


class FairQueue:
    """At most ``load`` engine-fulls are in the engine; of those, ``reserve`` only for plain requests.

    Above 1.0 the engine has a queue of its own and never idles between two requests. A request that
    is larger than what there is goes alone.
    """

    def __init__(self, load: float = 2.0, reserve: float = 0.25) -> None:
        self._load, self._reserve = _units(load), _units(reserve)
        self._lanes: dict[Key, _Lane] = {}
        self._in_engine = {True: 0, False: 0}
        """Units in the engine, of searches and of plain requests."""
        self._turns = 0

    @property
    def in_engine(self) -> float:
        """Engine-fulls that were let in and have not ended."""
        return sum(self._in_engine.values()) / UNITS

    @property
    def waiting(self) -> int:
        return sum(len(lane.plain) + len(lane.searches) for lane in self._lanes.values())

    def waiting_share(self, key: Key) -> float:
        """Engine-fulls that wait ahead of a new request of ``key``, when every key gets its turn."""
        own = _waiting(self._lanes.get(key))
        others = (_waiting(lane) for other, lane in self._lanes.items() if other != key)
        return (own + sum(min(own, units) for units in others)) / UNITS

    def would_wait(self, entry: Entry) -> bool:
        """Whether ``entry`` would not go ahead at once."""
        lane = self._lanes.get(entry.key)
        return (lane is not None and bool(lane.of(entry))) or not self._fits(entry)

    def add(self, entry: Entry) -> list[Entry]:
        """Queue ``entry``; return all that may go ahead now."""
        lane = self._lanes.setdefault(entry.key, _Lane())
        lane.of(entry).append(entry)
        return list(self._ready())

    def end(self, entry: Entry) -> list[Entry]:
        """``entry`` has ended, or given up waiting; return all that may go ahead now."""
        lane = self._lanes[entry.key]
        if entry.running:
            entry.running = False
            lane.in_engine -= entry.units
            self._in_engine[entry.search] -= entry.units
        else:
            lane.of(entry).remove(entry)
        if not lane.plain and not lane.searches and not lane.in_engine:
            del self._lanes[entry.key]
        return list(self._ready())

    def grow(self, entry: Entry, share: float) -> None:
        """A running entry holds more than was expected of it."""
        more = _units(share) - entry.units
        if entry.running and more > 0:
            entry.share, entry.units = share, entry.units + more
            self._lanes[entry.key].in_engine += more
            self._in_engine[entry.search] += more

    def _ready(self) -> Iterator[Entry]:
        while (entry := self._next()) is not None:
            lane = self._lanes[entry.key]
            lane.of(entry).popleft()
            entry.running = True
            lane.in_engine += entry.units
            self._in_engine[entry.search] += entry.units
            self._turns += 1
            lane.last_turn = self._turns
            yield entry

    def _next(self) -> Entry | None:
        """Plain requests first; of each kind, that of the key with the least in the engine."""
        lanes = sorted(self._lanes.values(), key=lambda lane: (lane.in_engine, lane.last_turn))
        plain = (lane.plain for lane in lanes)
        searches = (lane.searches for lane in lanes)
        first = (next(filter(None, queues), None) for queues in (plain, searches))
        return next((queue[0] for queue in first if queue and self._fits(queue[0])), None)

    def _fits(self, entry: Entry) -> bool:
        searches, plain = self._in_engine[True], self._in_engine[False]
        if not entry.search:
            return (
                searches + plain + entry.units <= self._load
                or plain == 0
                or plain + entry.units <= self._reserve
            )
        within = searches + entry.units <= self._load - self._reserve
        return searches == 0 or (within and searches + plain + entry.units <= self._load)


def _waiting(lane: _Lane | None) -> int:
    return 0 if lane is None else sum(e.units for e in (*lane.plain, *lane.searches))


def _units(share: float) -> int:
    return max(1, round(share * UNITS)) if share > 0 else 0


class Pace:
    """Engine-fulls that end in a second while the engine is full: what it can, not what is asked of it.

    Over about the last half minute of such time.
    """

    WINDOW_S = 30.0

    def __init__(self, now: float) -> None:
        self._ended, self._weight, self._at = 0.0, 0.0, now
        self._busy = False

    def busy(self, busy: bool, now: float) -> None:
        """Whether the engine is full from now on."""
        self._pass(now)
        self._busy = busy

    def ended(self, share: float, now: float) -> None:
        self._pass(now)
        if self._busy:
            self._ended += share

    def seconds_for(self, share: float, now: float) -> float | None:
        """How long ``share`` takes to end; None: nothing is known yet."""
        self._pass(now)
        if self._ended < 1e-6 or self._weight <= 0:
            return None
        return share * self._weight / self._ended

    def _pass(self, now: float) -> None:
        """Both sums forget at the same pace: their quotient is a mean rate from the first second on."""
        if self._busy:
            keep = math.exp(-max(0.0, now - self._at) / self.WINDOW_S)
            self._ended *= keep
            self._weight = self._weight * keep + (1 - keep) * self.WINDOW_S
        self._at = now
