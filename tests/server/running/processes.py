"""The processes of a running server, by what they do."""

from __future__ import annotations

import psutil


def engines(pid: int) -> list[psutil.Process]:
    """The engine core processes below the server ``pid``."""
    return [p for p in psutil.Process(pid).children(recursive=True) if "EngineCore" in _line(p)]


def readers(pid: int) -> list[psutil.Process]:
    """The processes of the answer pool."""
    children = psutil.Process(pid).children()
    return [p for p in children if "spawn_main" in _line(p) and "EngineCore" not in _line(p)]


def _line(process: psutil.Process) -> str:
    try:
        return " ".join([*process.cmdline(), process.name()])
    except psutil.Error:
        return ""
