"""How a process ends: with a traceback if it crashed, and without delay if it has closed everything.

Its memory is left to the system then: Python would look through all of it and free it object by object, for
seconds. And vLLM freezes its heap, so that Triton's bindings would report all that they still hold as leaked.
"""

from __future__ import annotations

import atexit
import faulthandler
import multiprocessing
import os
import sys
from contextlib import suppress
from typing import NoReturn


def trace_crashes() -> None:
    """Let a crash in native code show what every thread was at: in this process and all that it starts."""
    os.environ.setdefault("PYTHONFAULTHANDLER", "1")
    if sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__)


def end(status: int) -> NoReturn:
    """Run what wants to run at exit, and end. Threads are not waited for."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a full disk, or it is closed
            stream.flush()
    os._exit(status)


def end_so_when_done() -> None:
    """The same for a process that another one started, if it is about to end well.

    For a place that is come to on the way out, whichever way that is.
    """
    error = sys.exception()
    well = isinstance(error, SystemExit) and not error.code
    if well and multiprocessing.parent_process() is not None:
        atexit.register(_end_well)


def _end_well() -> None:
    atexit.unregister(_end_well)
    end(0)
