"""Crowds with pauses between them: what is held in the pauses must not grow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.soaking.crowd import Crowd
from tests.soaking.watch import Snapshot, Watch

IDLE_LIMIT_S = 120.0
SAME = ("descriptors", "threads", "processes", "tasks", "heads")
"""Of two idle moments, these are equal but for what comes and goes by itself."""
SLACK = {"descriptors": 8, "threads": 4, "tasks": 4}
"""Pools that grow to their size, and a request of the watch itself."""
MOST_BYTES = 1024
"""An API server whose idle memory grows by more than this with each request leaks. The engine's is shown and
not judged: that of plain vLLM grows as well, for thousands of requests and ever more slowly."""


@dataclass(slots=True)
class Soaked:
    """``idle``: after the warm-up and after each round; ``busy``: all along."""

    crowd: Crowd
    idle: list[Snapshot] = field(default_factory=list)
    busy: list[tuple[Snapshot, int]] = field(default_factory=list)
    """With the crowd's requests in flight."""
    ended: list[int] = field(default_factory=list)
    """Requests that had ended at each idle moment."""

    @property
    def bytes_per_request(self) -> float:
        """Growth of the API server's idle memory from the first round's end to the last one's."""
        return (self.idle[-1].memory - self.idle[0].memory) / max(1, self.ended[-1] - self.ended[0])

    def leaks(self, *, memory: bool = True) -> list[str]:
        """In words; ``memory``: whether it went on long enough to judge that."""
        first, last = self.idle[0], self.idle[-1]
        found = [
            f"{name} grew from {getattr(first, name)} to {getattr(last, name)}"
            for name in SAME
            if getattr(last, name) - getattr(first, name) > SLACK.get(name, 0)
        ]
        if last.groups:
            found.append(f"{last.groups} rollout groups are left in the engine")
        if memory and self.bytes_per_request > MOST_BYTES:
            found.append(f"idle memory grew by {self.bytes_per_request:.0f} bytes a request")
        return found


async def soak(
    crowd: Crowd,
    watch: Watch,
    *,
    clients: int,
    rounds: int,
    seconds: float,
    every_s: float = 1.0,
    on_round: Callable[[int, Soaked], None] = lambda *_: None,
) -> Soaked:
    """``rounds`` crowds of ``seconds`` each after one that warms up.

    Raises ``TimeoutError`` where the server does not come to rest. ``on_round``: called after each round.
    """
    soaked = Soaked(crowd)
    await crowd.learn()
    looking = asyncio.create_task(_look(crowd, watch, every_s, soaked))
    try:
        for number in range(rounds + 1):
            await crowd.run(clients, seconds, number)
            await watch.until_idle(IDLE_LIMIT_S)
            await crowd.learn()  # once more, alone: the last search tells what groups are left
            soaked.idle.append(await watch.until_idle(IDLE_LIMIT_S))
            soaked.ended.append(crowd.tally.ended)
            on_round(number, soaked)
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
    return soaked


async def _look(crowd: Crowd, watch: Watch, every_s: float, soaked: Soaked) -> None:
    while True:
        seen = await watch.look()
        soaked.busy.append((seen, crowd.tally.in_flight))
        await asyncio.sleep(every_s)
