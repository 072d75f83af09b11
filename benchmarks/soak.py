"""A long crowd of random clients: nothing lost, nothing leaked: ``python -m benchmarks soak``.

A thousand clients at once ask for random plans, streams, structured output and nonsense, and half of them
leave at a random moment. After each round the server has to come to rest, with what it held before: requests,
KV cache, groups, tasks, file descriptors, memory. Ends with 1 if anything was lost, wrong or leaked.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.plots.soak import soak_plot
from benchmarks.processes import free_port, running
from benchmarks.record import RESULTS, write_result
from tests.soaking.crowd import Crowd
from tests.soaking.rounds import Soaked, soak
from tests.soaking.watch import Watch

BLOCKS = 256
"""Blocks of KV cache: so few that all are resident when the warm-up is over."""
KEEP_ALIVE_S = "600"
"""An idle connection that the server closes just as its client asks again is a lost request to a client that
does not repeat it: after vLLM's 5 s that is common where a thousand clients come at once."""
KEY, ADMIN_KEY = "soak", "only-for-the-soak-0123456789"


def command(port: int, admin: int) -> list[str]:
    words = [sys.executable, "-m", "arrol_serve", "--port", str(port), "--admin-port", str(admin)]
    return [*words, "--num-gpu-blocks-override", str(BLOCKS), "--api-key", KEY]


async def measure(url: str, admin: str, pid: int, args: argparse.Namespace) -> Soaked:
    """All rounds, with a line on each."""
    crowd = Crowd(url, KEY, args.seed)
    watch = Watch(url, admin, ADMIN_KEY, pid)
    with tqdm(total=args.rounds + 1, unit="round", disable=not sys.stderr.isatty()) as bar:

        def show(number: int, soaked: Soaked) -> None:
            bar.update()
            seen = soaked.idle[-1]
            tqdm.write(
                f"round {number}: {soaked.ended[-1]} requests, {seen.memory / 2**20:.0f} MiB and "
                f"{seen.engine_memory / 2**20:.0f} MiB in the engine, "
                f"{seen.descriptors} descriptors, {seen.tasks} tasks, "
                f"{crowd.tally.count('lost')} lost, {crowd.tally.count('wrong')} wrong"
            )

        seconds = args.minutes * 60 / args.rounds
        try:
            return await soak(
                crowd,
                watch,
                clients=args.concurrent,
                rounds=args.rounds,
                seconds=seconds,
                on_round=show,
            )
        finally:
            await watch.close()


def rows(soaked: Soaked) -> list[dict[str, Any]]:
    """Requests by kind and outcome, then what was held over time, idle and busy."""
    outcomes = sorted(soaked.crowd.tally.outcomes.items())
    counted = [
        {"part": "outcome", "kind": k, "outcome": o, "requests": n} for (k, o), n in outcomes
    ]
    idle = zip(soaked.idle, soaked.ended, strict=True)
    rest = [{"part": "idle", "ended": ended, **seen.row()} for seen, ended in idle]
    busy = [{"part": "busy", "in_flight": n, **seen.row()} for seen, n in soaked.busy]
    return [*counted, *rest, *busy]


def verdict(soaked: Soaked, log: str) -> list[str]:
    """Everything that is wrong, in words; empty: nothing."""
    tally = soaked.crowd.tally
    found = [f"{tally.count(o)} requests {o}" for o in ("lost", "wrong") if tally.count(o)]
    tracebacks = log.count("Traceback (most recent call last)")
    return found + soaked.leaks() + ([f"{tracebacks} tracebacks in the log"] if tracebacks else [])


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of all rounds after the first")
    parser.add_argument("--concurrent", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5, help="besides the one that warms up")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--note", default="", help="what readers must know of this run")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result and log")
    args = parser.parse_args()
    port, admin = free_port(), free_port()
    environment = {"ARROL_ADMIN_KEY": ADMIN_KEY, "VLLM_CPU_KVCACHE_SPACE": "1"}
    environment["VLLM_HTTP_TIMEOUT_KEEP_ALIVE"] = KEEP_ALIVE_S
    args.out.mkdir(parents=True, exist_ok=True)
    log = args.out / "soak.log"
    with running(command(port, admin), port, environment, log=log) as ours:
        soaked = asyncio.run(measure(ours.url, f"http://127.0.0.1:{admin}", ours.pid, args))
    wrong = verdict(soaked, log.read_text(errors="replace"))
    settings = {
        "minutes": args.minutes,
        "concurrent": args.concurrent,
        "rounds": args.rounds,
        "bytes_per_request": soaked.bytes_per_request,
        "wrong": wrong,
    }
    path = write_result(
        "soak", settings, rows(soaked), seeds=[args.seed], note=args.note, folder=args.out
    )
    soak_plot(path)
    for line in [*wrong, *soaked.crowd.tally.examples]:
        print(line)
    print(f"{soaked.ended[-1]} requests, {len(wrong)} findings: {path}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
