"""Functions compiled by numba, which vLLM brings along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from llvmlite.binding import ffi
from numba import njit, types
from numba.extending import intrinsic

# As it builds an engine, vLLM's CPU platform looks into every object of every module, and llvmlite's library
# takes any name for a function of its own: without this no second engine could be built in the process.
if (functions := getattr(ffi.lib, "_fntab", None)) is not None:
    functions["__dict__"] = {}


def compiled(signature: Any, **options: Any) -> Callable[[Any], Any]:
    """For one signature, when the module is imported: not kept on disk, where numba would not notice that a
    constant from another module has changed, and a file cut short would end every start.
    """
    decorator: Callable[[Any], Any] = njit(signature, error_model="numpy", nogil=True, **options)
    return decorator


@intrinsic
def maximum(_context: Any, _left: Any, _right: Any) -> Any:
    """Of two float32, or the one that is not NaN. ``max`` keeps a loop from being vectorised."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType()] * 2)
        function = builder.module.declare_intrinsic("llvm.maxnum", [ir.FloatType()], kind)
        return builder.call(function, arguments, fastmath=("nnan", "nsz"))

    return types.float32(types.float32, types.float32), generate


@intrinsic
def float_of_bits(_context: Any, _bits: Any) -> Any:
    """The float32 with the bits of an int32."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate
