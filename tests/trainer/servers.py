"""Running replicas with an admin port, each in its own process group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import free_port
from tests.paths import ROOT
from tests.starting import wait_ready

KEY = "only-for-tests-0123456789"


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
    public = f"http://127.0.0.1:{port}"
    wait_ready(process, public, log)
    return RunningReplica(f"http://127.0.0.1:{admin}", public, process, log)
