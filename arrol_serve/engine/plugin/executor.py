"""One CPU worker in its engine's own process.

vLLM gives it a process of its own, so that OpenMP finds its variables when it is loaded; but then engine and
worker each spin on a core while they wait for the other, and where cores are few everybody else waits for
one. Threads can be counted and placed later as well.
"""

from __future__ import annotations

import os

import torch
from vllm.utils.cpu_resource_utils import get_allowed_cpu_list
from vllm.utils.ompmultiprocessing import OMPProcessManager
from vllm.v1.executor.uniproc_executor import UniProcExecutor


class InProcessExecutor(UniProcExecutor):
    """As many threads as vLLM would give the worker, on the NUMA node or the cores that it would take."""

    def _init_executor(self) -> None:
        binding = OMPProcessManager(self.vllm_config)
        if not binding.skip_setup:
            named = set(binding.cpu_lists[0])
            torch.set_num_threads(len(named))
            if hasattr(os, "sched_setaffinity"):  # threads that this one starts are placed likewise
                os.sched_setaffinity(0, _around(named) if binding.auto_setup else named)
        super()._init_executor()


def _around(cores: set[int]) -> set[int]:
    """All allowed cores of their NUMA nodes: the engine's other threads are to have some too."""
    allowed = get_allowed_cpu_list()
    nodes = {cpu.numa_node for cpu in allowed if cpu.id in cores}
    return {cpu.id for cpu in allowed if cpu.numa_node in nodes}
