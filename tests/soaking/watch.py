"""What a server holds: processes, memory, descriptors, tasks, requests and groups."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import asdict, dataclass

import httpx
import psutil

HELD = (
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:kv_cache_usage_perc",
    "arrol_searches_in_flight",
    "arrol_queued_requests",
    "arrol_admitted_load",
)
"""Gauges that are 0 on an idle server."""
NEARLY = 1e-9
"""The load is a sum of fractions."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """At one moment; memory is resident, in bytes."""

    at_s: float
    memory: int
    """Of the API server's process."""
    engine_memory: int
    """Of all others: vLLM's engine core and workers, readers of answers."""
    descriptors: int
    threads: int
    processes: int
    tasks: int
    heads: int
    groups: int
    """Alive in the engine when the last search had ended."""
    held: dict[str, float]
    """``HELD``."""

    @property
    def idle(self) -> bool:
        return all(abs(value) < NEARLY for value in self.held.values())

    def row(self) -> dict[str, float]:
        """Flat, for results."""
        flat = asdict(self)
        return {**{n: v for n, v in flat.items() if n != "held"}, **flat["held"]}


class Watch:
    """Looks at one server through its process tree, /metrics and the admin port."""

    def __init__(self, url: str, admin: str, admin_key: str, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._began = time.monotonic()
        self._http = httpx.AsyncClient(timeout=120)
        self._url, self._admin = url, admin
        self._headers = {"authorization": f"Bearer {admin_key}"}

    async def look(self) -> Snapshot:
        metrics = (await self._http.get(f"{self._url}/metrics")).text
        status = await self._http.get(f"{self._admin}/admin/status", headers=self._headers)
        status.raise_for_status()
        seen = await asyncio.to_thread(self._resources)
        memory, descriptors, threads = (sum(column) for column in zip(*seen, strict=True))
        return Snapshot(
            at_s=time.monotonic() - self._began,
            memory=seen[0][0],
            engine_memory=memory - seen[0][0],
            descriptors=descriptors,
            threads=threads,
            processes=len(seen),
            tasks=status.json()["tasks"],
            heads=max(status.json()["heads_in_use"]),
            groups=int(gauge(metrics, "arrol_engine_groups")),
            held={name: gauge(metrics, name) for name in HELD},
        )

    def _resources(self) -> list[tuple[int, int, int]]:
        """Of each process, the API server's first."""
        tree = [self._process, *self._process.children(recursive=True)]
        return [found for process in tree if (found := _of(process)) is not None]

    async def until_idle(self, limit_s: float) -> Snapshot:
        """The first of two idle looks in a row, a second apart. ``TimeoutError`` says what is held."""
        end = time.monotonic() + limit_s
        before = False
        while True:
            seen = await self.look()
            if seen.idle and before:
                return seen
            if time.monotonic() > end:
                raise TimeoutError(f"the server still holds {seen.row()}")
            before = seen.idle
            await asyncio.sleep(1.0)

    async def close(self) -> None:
        await self._http.aclose()


def _of(process: psutil.Process) -> tuple[int, int, int] | None:
    """Memory, descriptors, threads; None: it has just ended, as readers of answers may."""
    try:
        return process.memory_info().rss, process.num_fds(), process.num_threads()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return None


def gauge(metrics: str, name: str) -> float:
    """The sum of a gauge's samples over its labels."""
    found = re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", metrics, re.MULTILINE)
    return sum(float(value) for value in found)
