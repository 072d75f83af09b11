"""The real server, started as a user starts it, once for the session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, OpenAI

from benchmarks.processes import free_port
from tests.starting import LIMIT_S, stop, wait_ready

KEEP_ALIVE_S = 0.2
SLOW_REQUEST_S = 5.0
OTHER_KEY = "the-environments-key"
FILE_KEY = "the-files#-key"
ADMIN_KEY = "only-for-tests-0123456789"
ADMIN_PORT = "ADMIN_PORT"
"""Stands for a free port among a server's options."""


@dataclass(frozen=True)
class Server:
    """A running server and how to talk to it."""

    url: str
    key: str
    log: Path
    pid: int
    admin: str
    """URL of the admin port; only the session's server listens there."""

    def client(self) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0)

    def async_client(self) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0)

    def post(self, body: object, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json", "authorization": f"Bearer {self.key}"}
        with httpx.Client(timeout=120) as http:
            return http.post(
                f"{self.url}/v1/chat/completions", content=content, headers=sent | headers
            )

    def metric(self, name: str) -> float:
        """The sum of a metric's samples over its labels."""
        with urllib.request.urlopen(f"{self.url}/metrics") as reply:
            lines = reply.read().decode().splitlines()
        samples = [line for line in lines if line.split("{")[0].split(" ")[0] == name]
        return sum(float(line.rsplit(" ", 1)[1]) for line in samples)

    def wait_idle(self, limit_s: float = 20.0) -> None:
        """Until the engine has no request, running or waiting, and holds no KV cache."""
        end = time.monotonic() + limit_s
        names = (
            "vllm:num_requests_running",
            "vllm:num_requests_waiting",
            "vllm:kv_cache_usage_perc",
        )
        while busy := {n: v for n in names if (v := self.metric(n))}:
            assert time.monotonic() < end, f"the engine is still busy: {busy}"
            time.sleep(0.1)


def start(
    log: Path, *options: str, niceness: int = 0, limit_s: float = LIMIT_S
) -> tuple[subprocess.Popen[bytes], Server]:
    """``niceness``: how far it gives way to others on its core, such as a browser that watches it."""
    port, admin = free_port(), free_port()
    command = [
        *("nice", "-n", str(niceness)),
        sys.executable,
        "-m",
        "arrol_serve",
        *(option.replace(ADMIN_PORT, str(admin)) for option in options),
        "--port",
        str(port),
        "--api-key",  # takes several values: nothing may follow that is not one
        "secret",
    ]
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "ARROL_API_KEYS": OTHER_KEY,
        "ARROL_ADMIN_KEY": ADMIN_KEY,
    }
    with log.open("ab") as file:  # several processes write: each at the end
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)
    url, admin_url = (f"http://127.0.0.1:{number}" for number in (port, admin))
    server = Server(url, "secret", log, process.pid, admin_url)
    wait_ready(process, url, log, limit_s)
    return process, server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("server") / "server.log"
    alias = 'duo={"samples": 2, "vote": "uniform"}'
    tools = ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    tools += ["--enable-scale-out", "--admin-port", ADMIN_PORT]
    tools += [
        "--structured-outputs-config",
        '{"backend": "xgrammar", "disable_any_whitespace": true}',
    ]
    keys = log.with_name("keys")
    keys.write_text(f"# one a line\n\n{FILE_KEY}  # of a team\n")
    patient = log.with_name("arrol.toml")
    patient.write_text(
        "max_queue_s = 600.0  # a slow machine is no reason to refuse\n"
        f"slow_request_s = {SLOW_REQUEST_S}\n"
    )
    tools += ["--api-key-file", str(keys), "--arrol-config", str(patient)]
    process, running = start(log, "--keep-alive-s", str(KEEP_ALIVE_S), "--alias", alias, *tools)
    yield running
    stop(process, log)
    ours = [
        line for line in log.read_text(errors="replace").splitlines() if "/arrol_serve/" in line
    ]
    assert not [line for line in ours if 'File "' in line], "a traceback goes through our code"


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with server.client() as client:
        yield client


@pytest.fixture
def ask(client: OpenAI) -> Callable[..., Any]:
    """One search through the official client."""

    def call(question: str = "What is 83*46-17+29?", arrol: object = None, **fields: Any) -> Any:
        fields.setdefault("model", "arrol-tiny")
        extra = {} if arrol is None else {"arrol": arrol}
        return client.chat.completions.create(
            messages=[{"role": "user", "content": question}], extra_body=extra, **fields
        )

    return call
