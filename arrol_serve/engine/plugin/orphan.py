"""An engine process does not outlive its server.

vLLM's workers watch the engine process, but the engine process does not watch the API server: killed
with SIGKILL, that would leave an engine that holds the GPU and answers nobody.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait


def die_with_parent() -> None:
    """Kill this process once the one that started it is gone. Nothing in a process of one's own.

    A thread and not ``PR_SET_PDEATHSIG``, which fires when the *thread* that started us ends.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        thread = threading.Thread(
            target=_outlive, args=(parent.sentinel,), name="arrol-parent-watch", daemon=True
        )
        thread.start()


def _outlive(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGKILL)  # our own workers notice
