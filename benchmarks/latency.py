"""Latency that our layer adds to a plain request: ``python -m benchmarks.latency``.

vLLM's own server and ours are up on the same model and answer the same requests in turns; whoever is not
asked is suspended, because an idle vLLM spins. Also measures the time from start to ready.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from arrol_serve.bundled import MODEL, MODEL_NAME
from benchmarks.processes import Running, free_port, running
from benchmarks.record import write_result

BESIDE = ("--gpu-memory-utilization", "0.4", "--kv-cache-memory-bytes", str(4 * 2**30))
"""One GPU holds both servers."""
OPTIONS = (
    "--dtype",
    "float32",
    "--max-model-len",
    "512",
    "--max-num-seqs",
    "128",
    "--enforce-eager",
    *(BESIDE if torch.cuda.is_available() else ()),
)
"""Those of the bundled model."""
ARMS = {
    "vLLM": ["-m", "vllm.entrypoints.launchers.api_server.entry", "--model", str(MODEL),
             "--served-model-name", MODEL_NAME, "--host", "127.0.0.1", *OPTIONS],
    "arrol-serve": ["-m", "arrol_serve", *OPTIONS],
}  # fmt: skip
BODY = {
    "model": MODEL_NAME,
    "messages": [{"role": "user", "content": "What is 17*6-35+8?"}],
    "temperature": 0,
    "max_tokens": 24,
}


WARM_UP = 2
"""Requests of a round that are not counted."""
QUIET = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "HF_HUB_OFFLINE": "1",
    # A server that was suspended for the default 5 s would close its connections as they are used again.
    "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "600",
}


@contextmanager
def server(
    arguments: list[str], environment: Mapping[str, str] | None = None
) -> Iterator[tuple[Running, float]]:
    """A server process, and the seconds it took to be ready."""
    port, began = free_port(), time.perf_counter()
    command = [sys.executable, *arguments, "--port", str(port)]
    with running(command, port, {**QUIET, **(environment or {})}) as found:
        yield found, time.perf_counter() - began


def timed_request(url: str) -> float:
    """Milliseconds of one plain completion."""
    request = urllib.request.Request(  # noqa: S310  # our own server
        f"{url}/v1/chat/completions",
        json.dumps(BODY).encode(),
        {"content-type": "application/json"},
    )
    began = time.perf_counter()
    with urllib.request.urlopen(request) as reply:  # noqa: S310  # our own server
        reply.read()
    return (time.perf_counter() - began) * 1000


def turns(
    servers: Mapping[str, Running], rounds: int, requests: int
) -> dict[str, list[list[float]]]:
    """Milliseconds by arm and round. While one server answers, the others are suspended."""
    for one in servers.values():
        one.suspend()
    found: dict[str, list[list[float]]] = {arm: [] for arm in servers}
    for turn in tqdm(range(rounds + 1), unit="round"):
        for arm in list(servers) if turn % 2 else reversed(list(servers)):
            servers[arm].resume()
            times = [timed_request(servers[arm].url) for _ in range(requests + WARM_UP)]
            servers[arm].suspend()
            if turn:
                found[arm].append(times[WARM_UP:])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--requests", type=int, default=20, help="to each server in a round")
    args = parser.parse_args()
    with server(ARMS["vLLM"]) as (vllm, vllm_ready):
        vllm.suspend()  # so that the other one starts as alone as it did
        with server(ARMS["arrol-serve"]) as (ours, our_ready):
            found = turns({"vLLM": vllm, "arrol-serve": ours}, args.rounds, args.requests)
    rows: list[dict[str, Any]] = []
    for arm, ready in (("vLLM", vllm_ready), ("arrol-serve", our_ready)):
        p50, p99 = np.percentile(found[arm], [50, 99])
        rows.append({"arm": arm, "p50_ms": float(p50), "p99_ms": float(p99), "ready_s": ready})
    added = np.median(found["arrol-serve"], axis=1) - np.median(found["vLLM"], axis=1)
    settings = {**vars(args), "added_p50_ms": float(np.median(added))}
    write_result("latency", settings, rows)
    for row in rows:
        print(f"{row['arm']:12s} p50 {row['p50_ms']:.1f} ms, p99 {row['p99_ms']:.1f} ms, "
              f"ready after {row['ready_s']:.0f} s")  # fmt: skip
    print(f"added by our layer, median over rounds: {settings['added_p50_ms']:.2f} ms")


if __name__ == "__main__":
    main()
