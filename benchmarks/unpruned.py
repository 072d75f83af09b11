"""What our search costs beside plain ``n=16`` when nothing is pruned: ``python -m benchmarks unpruned``.

One server. The arms take turns: vLLM's own requests with n = 16, our search that counts votes, our search
that scores each candidate with the head. Seeds are such that all draw the same candidates, so that seconds
can be compared; and CPU seconds, of the engine and of all other processes (HTTP, tokenizing, readers of
answers), say where they go.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import httpx
import numpy as np
from tqdm import tqdm

from arrol_serve.bundled import MODEL_NAME
from benchmarks.accuracy import evaluation_questions
from benchmarks.latency import ARMS as SERVERS
from benchmarks.latency import server
from benchmarks.processes import Running
from benchmarks.record import write_result
from trainer.evaluation.reporting.statistics import bootstrap

ARMS: dict[str, dict[str, Any]] = {
    "vLLM n=16": {},
    "our search, votes counted": {"arrol": {"scorer": "none"}},
    "our search, quality vote": {"arrol": {"vote": "quality"}},
}
PLAIN = "vLLM n=16"
LEVEL, SAMPLES = 6, 16
FIGURES = ("seconds", "engine", "rest")
"""A block's wall-clock seconds, CPU seconds of the engine, and those of all other processes."""


def body(arm: str, question: str, seed: int) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "model": MODEL_NAME,
        "messages": [{"role": "user", "content": question}],
        "temperature": 1.75,
        "max_tokens": 200,
        "seed": seed,
    }
    if arm == PLAIN:
        return asked | {"n": SAMPLES}
    return asked | {"arrol": {"samples": SAMPLES, **ARMS[arm]["arrol"]}}


def spent(running: Running) -> tuple[float, float]:
    """CPU seconds so far: the engine's, and those of all other processes."""
    rest = running.cpu_seconds()
    everything = (one.cpu_times() for one in running.tree())
    return sum(times.user + times.system for times in everything) - rest, rest


async def block(
    http: httpx.AsyncClient, running: Running, arm: str, questions: Sequence[str], seed: int
) -> dict[str, float]:
    """All questions at once: the figures, and the tokens that were generated."""
    engine, rest = spent(running)
    began = time.perf_counter()
    bodies = [body(arm, question, seed + SAMPLES * i) for i, question in enumerate(questions)]
    replies = await asyncio.gather(*(http.post("/v1/chat/completions", json=b) for b in bodies))
    seconds = time.perf_counter() - began
    engine_now, rest_now = spent(running)
    tokens = 0
    for reply in replies:
        tokens += reply.raise_for_status().json()["usage"]["completion_tokens"]
    found = (seconds, engine_now - engine, rest_now - rest)
    return dict(zip(FIGURES, found, strict=True)) | {"tokens": float(tokens)}


async def in_turns(
    running: Running, blocks: int, at_once: int
) -> AsyncIterator[tuple[str, bool, Callable[[], Awaitable[dict[str, float]]]]]:
    """Block by block, each arm: whether it counts, which the first block does not, and what to await."""
    questions = [question for question, _ in evaluation_questions(at_once * (blocks + 1), [LEVEL])]
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=running.url, timeout=600, limits=limits) as http:
        for turn in tqdm(range(blocks + 1), unit="block"):
            asked = questions[turn * at_once : (turn + 1) * at_once]
            for arm in list(ARMS) if turn % 2 else reversed(ARMS):
                yield arm, turn > 0, partial(block, http, running, arm, asked, turn * 100_000)


async def measure(running: Running, blocks: int, at_once: int) -> dict[str, list[dict[str, float]]]:
    """By arm, its blocks."""
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in ARMS}
    async for arm, counts, run in in_turns(running, blocks, at_once):
        figures = await run()
        await asyncio.sleep(0.5)  # the engine hears that the last ones have ended
        if counts:
            found[arm].append(figures)
    return found


def summarise(found: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    """By arm: means of a block, and its seconds relative to plain vLLM's in the same block."""
    rows = []
    for arm, blocks in found.items():
        ratios = np.array(
            [b["seconds"] / p["seconds"] for b, p in zip(blocks, found[PLAIN], strict=True)]
        )
        means = {name: float(np.mean([b[name] for b in blocks])) for name in (*FIGURES, "tokens")}
        relative = {"relative": float(ratios.mean()), "interval": bootstrap(ratios)}
        rows.append({"arm": arm, **means, **relative})
    return rows


def read_options(name: str, description: str | None, blocks: int) -> tuple[dict[str, Any], str]:
    """From the command line: settings, and the note."""
    parser = argparse.ArgumentParser(prog=f"benchmarks {name}", description=description)
    parser.add_argument("--blocks", type=int, default=blocks)
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--note", default="", help="what readers must know of this run")
    args = parser.parse_args()
    settings = {"blocks": args.blocks, "at_once": args.at_once, "samples": SAMPLES, "level": LEVEL}
    return settings, args.note


def main() -> None:
    settings, note = read_options("unpruned", __doc__, blocks=12)
    with server(SERVERS["arrol-serve"]) as (running, _):
        rows = summarise(asyncio.run(measure(running, settings["blocks"], settings["at_once"])))
    write_result("unpruned", settings, rows, seeds=[0], note=note)
    for row in rows:
        low, high = row["interval"]
        print(
            f"{row['arm']:26s} {row['relative']:.3f} [{low:.3f}, {high:.3f}] of plain: "
            f"{row['seconds']:.2f} s a block, CPU {row['engine']:.2f} s engine, {row['rest']:.2f} s rest"
        )


if __name__ == "__main__":
    main()
