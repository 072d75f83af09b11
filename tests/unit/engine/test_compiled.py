"""What comes with numba."""

from __future__ import annotations

import sys
import types

import pytest
from numba import njit

from arrol_serve.engine.plugin import compiled


def test_vllm_can_look_into_everything_that_numba_has_loaded() -> None:
    """It does as it builds an engine: a second one in the process would not come to be."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("numba", "llvmlite") and isinstance(module, types.ModuleType):
            for value in vars(module).values():
                if hasattr(value, "__dict__"):
                    assert vars(value).get("kernel") is None


def test_without_a_place_to_keep_it_a_function_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = []

    def nowhere(signature: str, *, cache: bool = False, **options: object) -> object:
        kept.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(signature, **options)

    monkeypatch.setattr(compiled, "njit", nowhere)

    @compiled.compiled("i8(i8)")
    def next_number(number: int) -> int:
        return number + 1

    assert next_number(4) == 5
    assert kept == [True, False]
