"""What the workers of the answer pool run, and what they are handed."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arrol_serve.answers import gold, reading, symbolic
from arrol_serve.answers.kinds.form import Form
from arrol_serve.answers.reading import Reading
from arrol_serve.answers.settled import MAX_TEXT, settled_part
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.answers.terms import quadrature

__all__ = ["MAX_TEXT", "prepare", "read", "ready", "resolve", "settled_part", "verdict"]
ROOM = 1 << 30
"""Bytes that reading and sympy may take beyond what the worker holds: they could eat a machine's.

Users' reward functions run in the same workers, and have no such limit.
"""


def prepare() -> None:
    """Ready a new worker: it dies at once on SIGTERM, and imports outside of any job."""
    # pebble's handler never runs while C code does, and it would wait 3 s before SIGKILL.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    warnings.simplefilter("ignore")  # on models' LaTeX
    symbolic.resolve(r"\sum_{n=1}^{3} n")
    quadrature.prepare()


@contextmanager
def limited_memory(room: int = ROOM) -> Iterator[None]:
    """Raise ``MemoryError`` beyond ``room``; no limit where the system does not say what is in use."""
    try:
        import resource

        taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, ValueError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = taken + room if hard == resource.RLIM_INFINITY else min(taken + room, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def ready() -> int:
    return os.getpid()


def read(settled: str, spec: AnswerSpec) -> Reading:
    with limited_memory():
        return reading.read(settled, spec)


def resolve(formula: str) -> tuple[Form | None, float]:
    """What it is worth, and the seconds that this took."""
    began = time.monotonic()
    with limited_memory():
        found = symbolic.resolve(formula)
    return found, time.monotonic() - began


def verdict(settled: str | None, gold_answer: str, spec: AnswerSpec) -> bool:
    """Whether a reply's answer is the gold. Raises ``ValueError`` for a gold that cannot be typed."""
    with limited_memory():
        return gold.verdict(settled, gold_answer, spec)
