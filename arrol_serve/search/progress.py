"""How a search stands at a moment, for those who watch it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from arrol_serve.answers.reading import Reading
from arrol_serve.rollout import Fate, ProbeScore, Rollout
from arrol_serve.search.state import SearchState
from arrol_serve.search.stop import StopCause
from arrol_serve.voting import Tally

EVERY_S = 0.125
"""Seconds between two looks: with the first and the last one, at most ten in any second."""


@dataclass(frozen=True, slots=True)
class Lane:
    """How one candidate stands."""

    index: int
    wave: int
    tokens: int
    probes: tuple[ProbeScore, ...]
    ended: Rollout | None = None
    reading: Reading | None = None
    """None: it has not been read."""
    answer: str | None = None

    @property
    def fate(self) -> Fate | Literal["queued", "running"]:
        if self.ended is not None:
            return self.ended.fate
        return "running" if self.tokens else "queued"


@dataclass(frozen=True, slots=True)
class Progress:
    """How all of it stands. Equal to another of the same search when nothing has happened."""

    lanes: tuple[Lane, ...]
    """One for each candidate, by index."""
    tally: Tally
    waves: int
    saved_estimate: int
    elapsed_ms: int = field(compare=False)
    stop: StopCause | None = None
    """Why it is over; None: it goes on."""

    @property
    def tokens(self) -> int:
        """Generated so far."""
        return sum(lane.tokens for lane in self.lanes)

    @property
    def running(self) -> int:
        return sum(lane.ended is None for lane in self.lanes)

    def fated(self, fate: Fate) -> int:
        """Candidates that ended in this way."""
        return sum(lane.fate is fate for lane in self.lanes)


def standing(state: SearchState, tokens: Callable[[int], int], elapsed_ms: int) -> Progress:
    """``tokens``: what a running candidate is known to have generated."""
    lanes = tuple(_lane(state, index, tokens) for index in range(len(state.wave_of)))
    return Progress(lanes, state.count(), state.waves, state.saved_estimate, elapsed_ms)


def _lane(state: SearchState, index: int, tokens: Callable[[int], int]) -> Lane:
    wave, ended = state.wave_of[index], state.rollouts.get(index)
    if ended is None:
        return Lane(index, wave, tokens(index), state.probes.get(index, ()))
    reading = state.book.readings.get(index)
    answer = state.answer(ended)
    return Lane(index, wave, ended.token_count, ended.probes, ended, reading, answer)


Listener = Callable[[Progress], None]


@asynccontextmanager
async def watched(
    look: Callable[[], Progress], listener: Listener | None, every_s: float = EVERY_S
) -> AsyncIterator[None]:
    """While the block runs, call ``listener`` every ``every_s`` seconds if something has happened."""
    if listener is None:
        yield
        return
    ticker = asyncio.create_task(_tell(look, listener, every_s))
    try:
        yield
    finally:
        ticker.cancel()
    if ticker.done():  # it ends by failing alone
        ticker.result()


async def _tell(look: Callable[[], Progress], listener: Listener, every_s: float) -> None:
    told: Progress | None = None
    while True:
        found = look()
        if found != told:
            told = found
            listener(found)
        await asyncio.sleep(every_s)
