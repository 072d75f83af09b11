"""What it costs to watch a search: ``python -m benchmarks.progress_cost``.

One server streams the same searches, buffered and with ``"stream": "progress"``, in turns; who watches reads
every event. It takes the tokens of all candidates over the search's own time, and the CPU time outside
the engine, where the events are made.
"""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

import httpx
import numpy as np
from tqdm import tqdm

from arrol_serve.bundled import MODEL_NAME
from benchmarks.latency import ARMS, server
from benchmarks.processes import Running
from benchmarks.record import write_result
from trainer.evaluation.reporting.statistics import bootstrap

MODES = ("buffered", "progress")
QUESTION = [{"role": "user", "content": "What is 947*83-17+29-64?"}]
WARM_UP = 1
"""Rounds that are not counted."""


def streamed(
    http: httpx.Client, running: Running, mode: str, seed: int, args: Any
) -> dict[str, float]:
    """One search: tokens a second, CPU seconds of the server's process, events and their bytes."""
    arrol = {"samples": args.samples, "stream": mode, "prune": {"policy": "never", "probes": [16]}}
    sampling = {"temperature": 1.0, "seed": seed, "max_tokens": args.tokens, "ignore_eos": True}
    body = {"model": MODEL_NAME, "messages": QUESTION, "stream": True, "arrol": arrol, **sampling}
    before, events, size = running.cpu_seconds(), 0, 0
    report: dict[str, Any] = {}
    with http.stream("POST", f"{running.url}/v1/chat/completions", json=body) as reply:
        reply.raise_for_status()
        for line in reply.iter_lines():
            if not line.startswith("data: {"):
                continue
            told = json.loads(line.removeprefix("data: ")).get("arrol", {})
            events, size = events + ("progress" in told), size + len(line) * ("progress" in told)
            report = told if "stop" in told else report
    spent = running.cpu_seconds() - before
    rate = report["tokens"]["generated"] * 1000 / report["latency_ms"]
    return {"tokens_per_second": rate, "cpu_s": spent, "events": events, "bytes": size}


def summarise(found: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    """Medians of each mode, and its ratio to the buffered search of the same round."""
    plain = np.array([one["tokens_per_second"] for one in found[MODES[0]]])
    rows = []
    for mode, searches in found.items():
        ratios = np.array([one["tokens_per_second"] for one in searches]) / plain
        medians = {key: float(np.median([one[key] for one in searches])) for key in searches[0]}
        rows.append(
            {
                "arm": mode,
                **medians,
                "ratio_to_buffered": float(np.median(ratios)),
                "interval": bootstrap(ratios, of=np.median),
                "ratios": ratios.round(4).tolist(),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=128, help="of each candidate")
    args = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {mode: [] for mode in MODES}
    with server(ARMS["arrol-serve"]) as (running, _), httpx.Client(timeout=600) as http:
        for turn in tqdm(range(args.rounds + WARM_UP), unit="round"):
            for mode in MODES if turn % 2 else reversed(MODES):
                one = streamed(http, running, mode, turn * 1000, args)
                if turn >= WARM_UP:
                    found[mode].append(one)
    rows = summarise(found)
    load = os.getloadavg()[1]
    note = f"Load of the machine over the last 5 minutes: {load:.1f} on {os.cpu_count()} cores."
    write_result("progress_cost", vars(args), rows, seeds=[0], note=note)
    for row in rows:
        low, high = row["interval"]
        print(
            f"{row['arm']:9s} {row['tokens_per_second']:7.0f} tokens/s, {row['ratio_to_buffered']:.4f} of "
            f"buffered [{low:.4f}, {high:.4f}], {row['cpu_s'] * 1000:.0f} ms of CPU, "
            f"{row['events']:.0f} events, {row['bytes'] / 1024:.0f} KiB"
        )
    print(note)


if __name__ == "__main__":
    main()
