"""Servers as processes: start, wait, stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

START_LIMIT_S = 900
ENGINE_NAME = "VLLM"
"""What the names of vLLM's engine and worker processes begin with."""


def free_port() -> int:
    """A port on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens."""

    url: str
    pid: int

    def tree(self) -> list[psutil.Process]:
        """Its process and all that came of it."""
        root = psutil.Process(self.pid)
        return [root, *root.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """CPU time that all of its processes but vLLM's engine have used so far."""
        front = (one for one in self.tree() if not one.name().startswith(ENGINE_NAME))
        return sum(one.cpu_times().user + one.cpu_times().system for one in front)

    def keep_apart(self, engine: set[int], rest: set[int]) -> None:
        """The cores of vLLM's engine, and those of all other processes."""
        for process in self.tree():
            cores = engine if process.name().startswith(ENGINE_NAME) else rest
            for thread in process.threads():
                os.sched_setaffinity(thread.id, cores)

    def suspend(self) -> None:
        """Until ``resume``: an idle vLLM spins, and on few cores another server waits for it."""
        for process in self.tree():
            process.suspend()

    def resume(self) -> None:
        for process in self.tree():
            process.resume()


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[Running]:
    """``command``, once it listens on ``port``; ends it with all its children.

    What it prints goes to ``log``, or nowhere. ``SystemExit`` with the end of it if it does not start.
    """
    with tempfile.TemporaryFile() if log is None else log.open("w+b") as output:
        process = subprocess.Popen(
            list(command),
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            end = time.monotonic() + START_LIMIT_S
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > end:
                    output.seek(0)
                    tail = output.read()[-3000:].decode(errors="replace")
                    raise SystemExit(f"{command[0]} did not start:\n{tail}")
                time.sleep(0.1)
            yield Running(f"http://127.0.0.1:{port}", process.pid)
        finally:
            _end(process)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and after a minute SIGKILL; no child is left behind, no suspended one either."""
    process.send_signal(signal.SIGTERM)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGCONT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(60)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
