"""What the workers of the answer pool run, and what they are handed."""

from __future__ import annotations

import os
import signal
import warnings
from pathlib import Path

from arrol_serve.answers import symbolic
from arrol_serve.answers.gold import verdict
from arrol_serve.answers.settled import MAX_TEXT, settled_part
from arrol_serve.answers.symbolic import resolve

__all__ = ["MAX_TEXT", "prepare", "ready", "resolve", "settled_part", "verdict"]
ROOM = 1 << 30
"""Bytes that a worker may take beyond what it holds when it is ready: sympy can eat a machine's."""


def prepare() -> None:
    """In a new worker: die at once when told to, and pay for the imports outside of any job."""
    # pebble's handler never runs while C code does, and it would wait 3 s before SIGKILL.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    warnings.simplefilter("ignore")  # on models' LaTeX
    symbolic.resolve(r"\sum_{n=1}^{3} n")
    limit_memory(ROOM)


def limit_memory(room: int) -> None:
    """Address space beyond what is taken by now; nothing where the system does not tell."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + room
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (ImportError, OSError, ValueError):
        return


def ready() -> int:
    return os.getpid()
