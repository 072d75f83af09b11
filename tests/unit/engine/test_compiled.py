"""What comes with numba."""

from __future__ import annotations

import sys
import types

from arrol_serve.engine.plugin.scoring import host_kernels


def test_vllm_can_look_into_everything_that_numba_has_loaded() -> None:
    """It does as it builds an engine: a second one in the process would not come to be."""
    assert host_kernels.note is not None
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("numba", "llvmlite") and isinstance(module, types.ModuleType):
            for value in vars(module).values():
                if hasattr(value, "__dict__"):
                    assert vars(value).get("kernel") is None
