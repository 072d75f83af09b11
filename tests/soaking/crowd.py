"""Many clients at once, each with one random request after the other."""

from __future__ import annotations

import asyncio
import io
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from tests.soaking.asks import KNOWN, LATEST_S, Ask, known_ask, random_ask
from tests.soaking.faults import Reply, fault_of

LOST_AFTER_S = 300.0
"""A request that its client did not leave has a reply by then, or is lost."""
LONGEST_REST_S = 5.0
"""Seconds before a client that was refused comes back."""
EXAMPLES = 20


@dataclass(slots=True)
class Tally:
    """What came of all requests."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(kind, outcome) -> requests; outcomes are ``left``, a status, ``lost`` and ``wrong``."""
    examples: list[str] = field(default_factory=list)
    """The first faults, in words."""
    in_flight: int = 0

    @property
    def ended(self) -> int:
        return self.outcomes.total()

    def count(self, outcome: str) -> int:
        return sum(n for (_, found), n in self.outcomes.items() if found == outcome)

    def fault(self, ask: Ask, outcome: str, what: str) -> None:
        self.outcomes[ask.kind, outcome] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{outcome}: {what}; {ask.path} {ask.content()[:400]!r}")


@dataclass(slots=True)
class Crowd:
    """``seed``: everything that its clients ask follows from it, and in which order each asks."""

    url: str
    key: str
    seed: int
    latest_s: float = LATEST_S
    tally: Tally = field(default_factory=Tally)
    known: dict[int, str] = field(default_factory=dict)

    async def learn(self) -> None:
        """The replies of the known requests, asked one at a time; the last one is a search.

        ``RuntimeError`` if one fails, or is another than before.
        """
        async with self._session() as http:
            for number in range(KNOWN):
                ask = known_ask(number)
                reply = await self._post(http, ask)
                if fault := fault_of(ask, reply, self.known.get(number)):
                    raise RuntimeError(f"the server fails even when idle: {fault}")
                self.known[number] = reply.text

    async def run(self, clients: int, seconds: float, round_: int = 0) -> None:
        """All clients ask anew until the time is up; then each waits for its last reply."""
        end = time.monotonic() + seconds
        async with self._session() as http, asyncio.TaskGroup() as tasks:
            for number in range(clients):
                rng = random.Random(f"{self.seed}/{round_}/{number}")
                tasks.create_task(self._client(http, rng, lambda: time.monotonic() < end))

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0)
        patience = aiohttp.ClientTimeout(total=None)
        return aiohttp.ClientSession(self.url, connector=connector, timeout=patience)

    async def _client(
        self, http: aiohttp.ClientSession, rng: random.Random, more: Callable[[], bool]
    ) -> None:
        while more():
            ask = random_ask(rng, self.latest_s)
            self.tally.in_flight += 1
            try:
                status = await self._one(http, ask)
            finally:
                self.tally.in_flight -= 1
            if status == 429:
                await asyncio.sleep(rng.uniform(0, LONGEST_REST_S))

    async def _one(self, http: aiohttp.ClientSession, ask: Ask) -> int | None:
        """Its status; None where there is none."""
        if ask.leaving != "stays":
            await self._leave(http, ask)
            self.tally.outcomes[ask.kind, "left"] += 1
            return None
        try:
            async with asyncio.timeout(LOST_AFTER_S):
                reply = await self._post(http, ask)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            if 413 in ask.statuses:  # told before the whole body was sent: some clients miss it
                self.tally.outcomes[ask.kind, "413"] += 1
            else:
                self.tally.fault(ask, "lost", repr(error))
            return None
        try:
            fault = fault_of(ask, reply, None if ask.known is None else self.known.get(ask.known))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            fault = f"a reply that cannot be read ({error!r}): {reply.body[:300]!r}"
        if fault:
            self.tally.fault(ask, "wrong", fault)
        else:
            self.tally.outcomes[ask.kind, str(reply.status)] += 1
        return reply.status

    async def _post(self, http: aiohttp.ClientSession, ask: Ask) -> Reply:
        content, headers = io.BytesIO(ask.content()), self._headers(ask)
        async with http.post(ask.path, data=content, headers=headers) as answer:
            body = await answer.read()
            fields = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status, fields, body)

    def _headers(self, ask: Ask) -> dict[str, str]:
        key = ask.key or self.key
        return {"content-type": "application/json", "authorization": f"Bearer {key}"}

    async def _leave(self, http: aiohttp.ClientSession, ask: Ask) -> None:
        """Whatever the server does meanwhile, the connection ends after ``ask.after_s``."""
        with suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(ask.after_s):
                if ask.leaving == "cut off":
                    await self._send_half(ask)
                elif ask.leaving == "stalls":
                    content, headers = io.BytesIO(ask.content()), self._headers(ask)
                    async with http.post(ask.path, data=content, headers=headers) as answer:
                        try:
                            await asyncio.sleep(ask.after_s)
                        finally:
                            answer.close()
                else:
                    await self._post(http, ask)

    async def _send_half(self, ask: Ask) -> None:
        address = urlsplit(self.url)
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            content = ask.content()
            fields = self._headers(ask) | {"host": "soak", "content-length": str(len(content))}
            head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            writer.write(f"POST {ask.path} HTTP/1.1\r\n{head}\r\n".encode())
            writer.write(content[: len(content) // 2])
            await writer.drain()
            await asyncio.sleep(ask.after_s)
        finally:
            writer.close()
