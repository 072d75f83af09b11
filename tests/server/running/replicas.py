"""Several servers of the bundled model, each with a port of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.processes import free_port
from tests.starting import wait_ready


@dataclass(frozen=True)
class Replica:
    url: str
    process: subprocess.Popen[bytes]

    def served(self) -> int:
        """Requests that its engine has ended."""
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        found = [line for line in lines if line.startswith("vllm:request_success_total")]
        return int(sum(float(line.rsplit(" ", 1)[1]) for line in found))

    def connections(self) -> set[tuple[str, int]]:
        """Who is connected to its port, by the other end."""
        port = int(self.url.rsplit(":", 1)[1])
        found = psutil.Process(self.process.pid).net_connections("tcp")
        return {tuple(c.raddr) for c in found if c.laddr.port == port and c.status == "ESTABLISHED"}


@contextlib.contextmanager
def started_replicas(folder: Path, count: int) -> Iterator[list[Replica]]:
    """Ready servers; they are ended at the end, those that are left."""
    with contextlib.ExitStack() as stack:
        found = []
        for number in range(count):
            port = free_port()
            log = stack.enter_context((folder / f"replica-{number}.log").open("wb"))
            command = [sys.executable, "-m", "arrol_serve", "--port", str(port)]
            process = stack.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
            stack.callback(process.terminate)
            found.append(Replica(f"http://127.0.0.1:{port}", process))
        for number, replica in enumerate(found):
            wait_ready(replica.process, replica.url, folder / f"replica-{number}.log")
        yield found
