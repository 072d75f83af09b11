"""Functions compiled by numba, which vLLM brings along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite.binding import ffi
from numba import njit

# As it builds an engine, vLLM's CPU platform looks into every object of every module, and llvmlite's library
# takes any name for a function of its own: without this no second engine could be built in the process.
ffi.lib._fntab["__dict__"] = {}


def compiled(signature: str, **options: Any) -> Callable[[Any], Any]:
    """For one signature, when the module is imported; kept on disk where there is a place for it."""

    def compile_it(function: Any) -> Any:
        made = {"error_model": "numpy", "nogil": True, **options}
        try:
            return njit(signature, cache=True, **made)(function)
        except RuntimeError:  # neither the package nor the home is writable
            return njit(signature, **made)(function)

    return compile_it
