"""The processes of a running server, by what they do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil

from tests.server.conftest import Server


def engines(pid: int) -> list[psutil.Process]:
    """The engine core processes below the server ``pid``."""
    return [p for p in psutil.Process(pid).children(recursive=True) if "EngineCore" in _line(p)]


@contextmanager
def slowed(server: Server) -> Iterator[None]:
    """The engine has a fifth of its time: whoever watches it may be slow."""
    over, held = threading.Event(), engines(server.pid)

    def hold_up() -> None:
        while not over.wait(0.01):
            each(held, psutil.Process.suspend)
            over.wait(0.04)
            each(held, psutil.Process.resume)

    thread = threading.Thread(target=hold_up)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def each(processes: Iterable[psutil.Process], do: Callable[[psutil.Process], None]) -> None:
    """With those that live."""
    for process in processes:
        with suppress(psutil.Error):
            do(process)


def readers(pid: int) -> list[psutil.Process]:
    """The processes of the answer pool."""
    children = psutil.Process(pid).children()
    return [p for p in children if "spawn_main" in _line(p) and "EngineCore" not in _line(p)]


def _line(process: psutil.Process) -> str:
    try:
        return " ".join([*process.cmdline(), process.name()])
    except psutil.Error:
        return ""
