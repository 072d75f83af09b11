"""Latency and memory under load, beside vLLM's own server: ``python -m benchmarks.load``.

Both servers are up on one machine and take turns; the idle one is suspended, because an
idle vLLM spins:

- ``plain``: 32 plain requests at once, and the CPU time that they take outside the engine;
- ``mixed``: plain requests one after the other while searches of 16 candidates keep the engine busy;
  on vLLM those are ``n=16`` requests;
- ``waiting``: memory for each request that waits in the queue of a fresh server, by filling it with 1,000.

Where there are two cores or more, one is for the HTTP side and the client, and the others are the engine's:
otherwise the two compete, and by chance one wins.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from tqdm import tqdm

from arrol_serve.bundled import MODEL_NAME
from benchmarks.latency import ARMS, BODY, server
from benchmarks.processes import Running
from benchmarks.record import RESULTS, write_result
from trainer.evaluation.reporting.statistics import bootstrap

CONCURRENT, HEAVY, SAMPLES, BESIDE, WAITING = 32, 4, 16, 20, 1000
PLAIN_TURNS = 6
"""Repeats of the plain requests in each round: one is short, and its p99 is asked for."""
QUESTION = [{"role": "user", "content": "What is 947*83-17+29-64?"}]
SEARCH: dict[str, dict[str, Any]] = {
    "vLLM": {"n": SAMPLES},
    "arrol-serve": {"arrol": {"samples": SAMPLES, "prune": {"keep": 0.5, "probes": [32]}}},
}
LONG = {"model": MODEL_NAME, "messages": QUESTION, "max_tokens": 400, "ignore_eos": True}

Times = dict[str, list[float]]
"""Milliseconds by figure."""


class Client:
    """Requests to one server, timed."""

    def __init__(self, server: Running) -> None:
        limits = httpx.Limits(max_connections=None)
        self.server = server
        self.http = httpx.AsyncClient(base_url=server.url, timeout=600, limits=limits)

    async def post(self, body: dict[str, Any]) -> float:
        """Milliseconds until the whole reply is here."""
        began = time.perf_counter()
        reply = await self.http.post("/v1/chat/completions", json=body)
        reply.raise_for_status()
        return (time.perf_counter() - began) * 1000

    async def first_byte(self, body: dict[str, Any]) -> float:
        """Milliseconds until a stream's first byte."""
        began = time.perf_counter()
        path, streamed = "/v1/chat/completions", {**body, "stream": True}
        async with self.http.stream("POST", path, json=streamed) as reply:
            async for _ in reply.aiter_raw():
                return (time.perf_counter() - began) * 1000
        raise RuntimeError("the stream was empty")


async def plain(client: Client, _arm: str) -> Times:
    """One round of concurrent plain requests."""
    bodies = [{**BODY, "seed": i} for i in range(CONCURRENT)]
    return {"plain": await asyncio.gather(*(client.post(body) for body in bodies))}


async def mixed(client: Client, arm: str) -> Times:
    """Plain requests while ``HEAVY`` searches are always under way."""
    heavy: list[float] = []
    body = {"model": MODEL_NAME, "messages": QUESTION, "temperature": 1.5, "max_tokens": 150}

    async def searches(seed: int) -> None:
        while True:
            seed += 1
            heavy.append(await client.post({**body, **SEARCH[arm], "seed": seed}))

    tasks = [asyncio.create_task(searches(number * 1000)) for number in range(HEAVY)]
    await asyncio.sleep(1.0)
    beside = [await client.post(BODY) for _ in range(BESIDE)]
    first = await client.first_byte({**body, **SEARCH[arm]})
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"plain beside searches": beside, "search": heavy, "first byte of a search": [first]}


async def waiting(server: Running, body: dict[str, Any]) -> float:
    """Bytes, in all processes of a server together, for each of ``WAITING`` waiting requests.

    ``RuntimeError`` if some of them were answered meanwhile, or refused.
    """
    client, processes = Client(server), server.tree()
    tasks = [asyncio.create_task(client.post({**LONG, **body})) for _ in range(150)]
    await asyncio.sleep(3)  # more than the engine runs at once: the rest only waits
    before = sum(process.memory_info().rss for process in processes)
    late = [asyncio.create_task(client.post({**LONG, **body})) for _ in range(WAITING)]
    await asyncio.sleep(10)
    after = sum(process.memory_info().rss for process in processes)
    gone, tasks = sum(task.done() for task in late), tasks + late
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.http.aclose()
    if gone:
        raise RuntimeError(
            f"{gone} of {WAITING} requests did not wait: the figure would be too low"
        )
    return (after - before) / WAITING


Round = Callable[[Client, str], Awaitable[Times]]


async def turns(clients: dict[str, Client], round_: Round, rounds: int) -> dict[str, Times]:
    """Times by figure and arm; the arms take turns, and the first round is thrown away."""
    found: dict[str, Times] = {}
    for turn in tqdm(range(rounds + 1), desc=round_.__name__, unit="round"):
        arms = list(clients)
        for arm in arms if turn % 2 else reversed(arms):
            clients[arm].server.resume()
            figures = await round_(clients[arm], arm)
            await asyncio.sleep(0.3)  # what was cancelled leaves the engine
            clients[arm].server.suspend()
            for name, values in figures.items() if turn else ():
                found.setdefault(name, {a: [] for a in arms})[arm] += values
    return found


async def measure(
    servers: dict[str, Running], rounds: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each figure and arm, and what a plain request costs here and more here.

    All servers are suspended before and after.
    """
    clients = {arm: Client(server) for arm, server in servers.items()}
    before = {arm: server.cpu_seconds() for arm, server in servers.items()}
    found = await turns(clients, plain, PLAIN_TURNS * rounds)
    requests = CONCURRENT * (PLAIN_TURNS * rounds + 1)  # the round that is thrown away took CPU too
    spent = {
        arm: (server.cpu_seconds() - before[arm]) / requests * 1000
        for arm, server in servers.items()
    }
    costs = {"cpu_ms_per_request": spent, "added_ms": added(found["plain"])}
    found |= await turns(clients, mixed, rounds)
    rows: list[dict[str, Any]] = []
    for name, by_arm in found.items():
        for arm, values in by_arm.items():
            p50, p99 = np.percentile(values, [50, 99])
            row = {"figure": name, "arm": arm, "p50_ms": float(p50), "p99_ms": float(p99)}
            rows.append({**row, "requests": len(values)})
    for client in clients.values():
        await client.http.aclose()
    return rows, costs


def added(plain: Times) -> dict[str, list[float]]:
    """How much more ours is than vLLM's in a round, by percentile: the mean, and its 95 % bounds (bootstrap).

    Rounds that follow each other are compared, since the machine's speed drifts over more than a round.
    """
    ours, vllm = (np.reshape(plain[arm], (-1, CONCURRENT)) for arm in ("arrol-serve", "vLLM"))
    found = {}
    for name, percentile in (("p50", 50), ("p99", 99)):
        gaps = np.percentile(ours, percentile, axis=1) - np.percentile(vllm, percentile, axis=1)
        found[name] = [float(gaps.mean()), *bootstrap(gaps, draws=2000)]
    return found


def memory(ours: list[str]) -> dict[str, float]:
    """Bytes for each waiting request, by kind."""
    kinds: dict[str, tuple[list[str], dict[str, Any]]] = {
        "vLLM, plain": (ARMS["vLLM"], {}),
        "arrol-serve, plain": (ours, {}),
        "arrol-serve, search of 2": (ours, {"arrol": {"samples": 2, "vote": "uniform"}}),
    }
    found = {}
    for kind, (arguments, body) in tqdm(kinds.items(), desc="waiting", unit="server"):
        with server(arguments) as (fresh, _):
            found[kind] = asyncio.run(waiting(fresh, body))
    return found


def patient(folder: str) -> str:
    """A configuration that refuses nobody because of the queue: what waits is to be measured."""
    path = Path(folder, "arrol.toml")
    path.write_text("max_queue_s = 36000.0\n")
    return str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--latency-only", action="store_true", help="leave the waiting requests out"
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours = [*ARMS["arrol-serve"], "--arrol-config", patient(folder)]
        bytes_each = {} if args.latency_only else memory(ours)
        first, *others = sorted(os.sched_getaffinity(0))
        bound = {"VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, others))} if others else {}
        with ExitStack() as stack, ThreadPoolExecutor() as starts:
            arms = {"vLLM": ARMS["vLLM"], "arrol-serve": ours}
            entered = starts.map(
                lambda words: stack.enter_context(server(words, bound)), arms.values()
            )
            servers = {arm: found for arm, (found, _) in zip(arms, entered, strict=True)}
            for found in servers.values():
                if others:
                    found.keep_apart(set(others), {first})
                found.suspend()
            if others:
                os.sched_setaffinity(0, {first})
            rows, costs = asyncio.run(measure(servers, args.rounds))
            os.sched_setaffinity(0, {first, *others})
    settings = {
        "rounds": args.rounds,
        "concurrent": CONCURRENT,
        "searches": HEAVY,
        "samples": SAMPLES,
        "waiting": WAITING,
        "bytes_per_waiting_request": bytes_each,
        **costs,
    }
    write_result("load", settings, rows, folder=args.results)
    for row in rows:
        print(
            f"{row['figure']:24s} {row['arm']:12s} "
            f"p50 {row['p50_ms']:.1f} ms, p99 {row['p99_ms']:.1f} ms"
        )
    for arm, ms in costs["cpu_ms_per_request"].items():
        print(f"{arm}: {ms:.2f} ms of CPU a plain request outside the engine")
    for name, (whole, low, high) in costs["added_ms"].items():
        print(f"added at {name}: {whole:+.1f} ms ({low:+.1f} to {high:+.1f})")
    for name, size in bytes_each.items():
        print(f"{name}: {size / 1024:.0f} KiB for each waiting request")


if __name__ == "__main__":
    main()
