"""Functions compiled by numba, which vLLM brings along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite.binding import ffi
from numba import njit

# As it builds an engine, vLLM's CPU platform looks into every object of every module, and llvmlite's library
# takes any name for a function of its own: without this no second engine could be built in the process.
if (functions := getattr(ffi.lib, "_fntab", None)) is not None:
    functions["__dict__"] = {}


def compiled(signature: str, **options: Any) -> Callable[[Any], Any]:
    """For one signature, when the module is imported: not kept on disk, where numba would not notice that a
    constant from another module has changed, and a file cut short would end every start.
    """
    decorator: Callable[[Any], Any] = njit(signature, error_model="numpy", nogil=True, **options)
    return decorator
