"""Checks every system and writes the table: ``python -m benchmarks behaviour``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import peers
from benchmarks.behaviour.finding import Finding
from benchmarks.behaviour.ours import Ours, check_ours
from benchmarks.behaviour.proxies import SAMPLES, Proxy, check_proxy, model_of
from benchmarks.behaviour.upstream import MODEL, scripted_upstream
from benchmarks.processes import free_port, running
from benchmarks.record import write_result

OURS = "arrol-serve"
SERVER = ("--keep-alive-s", "0.2", "--enable-auto-tool-choice", "--tool-call-parser", "hermes")


def check_peers(venvs: Path) -> dict[str, list[Finding]]:
    """Each peer in front of the scripted upstream; optillm with both of its voting approaches."""
    found = {}
    with scripted_upstream() as upstream:
        with peers.its_hub(upstream.url, MODEL, SAMPLES, venvs) as peer:
            hub = Proxy(peer.name, peer.url, upstream, MODEL, lambda n: {"budget": n})
            found[f"{peer.name} self-consistency"] = check_proxy(hub)
        with peers.optillm(upstream.url, MODEL, venvs) as peer:
            for approach in ("majority_voting", "self_consistency"):
                name = f"{peer.name} {approach}"
                proxy = Proxy(name, peer.url, upstream, model_of(approach), lambda n: {"k": n})
                found[name] = check_proxy(proxy)
    return found


def check_our_server() -> list[Finding]:
    port = free_port()
    command = [sys.executable, "-m", "arrol_serve", *SERVER, "--port", str(port)]
    quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
    with running(command, port, quiet) as ours:
        return check_ours(Ours(ours.url))


def rows(found: dict[str, list[Finding]]) -> list[dict[str, Any]]:
    """One row a cell."""
    return [
        {"system": system, **asdict(finding)}
        for system, findings in found.items()
        for finding in findings
    ]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks behaviour", description=__doc__)
    parser.add_argument(
        "--venvs", type=Path, default=peers.CACHE, help="where the peers are installed on first use"
    )
    args = parser.parse_args(argv)
    for name in tqdm(peers.INSTALLS, unit="peer", desc="installed"):
        peers.environment(name, args.venvs)
    found = {OURS: check_our_server(), **check_peers(args.venvs)}
    settings = {"samples": SAMPLES, "server": list(SERVER), "peers": list(peers.INSTALLS)}
    write_result("behaviour", settings, rows(found))
    for row in rows(found):
        print(f"{row['system']:32s} {row['check']:12s} {row['verdict']:6s} {row['detail']}")


if __name__ == "__main__":
    main()
