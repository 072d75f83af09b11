"""Every member of vLLM that we override, read or call, wherever in the repository that is.

Whoever touches another one adds it here: ``compat.py`` looks at all of them at start, and
``tests/engine/test_compat.py`` breaks each in turn.
"""

from arrol_serve.engine.plugin.seams.engine import CPU_WORKER, RUNNERS, SCHEDULER, WEIGHTS, WORKER
from arrol_serve.engine.plugin.seams.http import HTTP, OPTIONS
from arrol_serve.engine.plugin.seams.process import OFFLINE, PROCESS
from arrol_serve.engine.plugin.seams.seam import Seam

SEAMS = (*SCHEDULER, *WORKER, *RUNNERS, *WEIGHTS, *PROCESS)
"""Of every process that has an engine, or a client of one."""

__all__ = ["CPU_WORKER", "HTTP", "OFFLINE", "OPTIONS", "SEAMS", "Seam"]
