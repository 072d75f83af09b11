"""The processes of a running server, by what they do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from tests.server.conftest import Server


def engines(pid: int) -> list[psutil.Process]:
    """The engine core processes below the server ``pid``."""
    return [p for p in psutil.Process(pid).children(recursive=True) if "EngineCore" in _line(p)]


@contextmanager
def held_up(server: Server) -> Iterator[None]:
    """The engine stands still in the middle of what it was asked: whoever watches it may be slow."""
    end = time.monotonic() + 30
    while not server.metric("vllm:num_requests_running"):
        assert time.monotonic() < end, "nothing was asked of the engine"
        time.sleep(0.01)
    held = engines(server.pid)
    for engine in held:
        engine.suspend()
    try:
        yield
    finally:
        for engine in held:
            with suppress(psutil.NoSuchProcess):
                engine.resume()


def readers(pid: int) -> list[psutil.Process]:
    """The processes of the answer pool."""
    children = psutil.Process(pid).children()
    return [p for p in children if "spawn_main" in _line(p) and "EngineCore" not in _line(p)]


def _line(process: psutil.Process) -> str:
    try:
        return " ".join([*process.cmdline(), process.name()])
    except psutil.Error:
        return ""
