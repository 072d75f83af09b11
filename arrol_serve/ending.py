"""The end of a process that has closed everything: its memory is left to the system.

Python would look through all of it and free it object by object, for seconds. And vLLM freezes its heap, so
that Triton's bindings would report all that they still hold as leaked.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
from contextlib import suppress
from typing import NoReturn


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
