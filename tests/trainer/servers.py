"""Running replicas with an admin port, each in its own process group."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

KEY = "only-for-tests-0123456789"
START_LIMIT_S = 200


@dataclass(frozen=True)
class RunningReplica:
    """A server as a trainer sees it."""

    url: str
    """Of the admin port."""
    public: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """As when the machine goes down: at once, engine and all."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def launch(log: Path, *options: str) -> RunningReplica:
    port, admin = free_port(), free_port()
    words = ["--port", str(port), "--admin-port", str(admin)]
    words += ["--logprobs-mode", "processed_logprobs", *options]
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "ARROL_ADMIN_KEY": KEY,
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "arrol_serve", *words],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text(errors="replace")[-4000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return RunningReplica(
                    f"http://127.0.0.1:{admin}", f"http://127.0.0.1:{port}", process, log
                )
        except OSError:
            time.sleep(0.3)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError(log.read_text(errors="replace")[-4000:])
