"""The kernels without a GPU: Triton interprets them, and compiles them for one that is not here."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.paths import ROOT

pytest.importorskip("triton", reason="comes with the CUDA build of PyTorch alone")

PARITY = """
import torch
from arrol_serve.engine.plugin.scoring.device_check import Shapes, difference
for dtype in (torch.float32, torch.bfloat16):
    print(difference(torch.device("cpu"), Shapes(dtype=dtype)))
"""


def run(code: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split()


def test_interpreted_they_give_the_numbers_of_tensor_operations() -> None:
    differences = [float(word) for word in run(PARITY, TRITON_INTERPRET="1")]
    assert len(differences) == 2
    assert max(differences) < 1e-4


COMPILE = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from arrol_serve.engine.plugin.scoring import device_kernels as kernels

FLOATS, INTS = "*fp32", "*i64"
LOGITS = {"logits", "top", "states"}
INDICES = {"slots", "lines", "starts", "rows", "sizes", "coming"}
NUMBERS = {"vocabulary", "stride", "last_row", "sampled_stride", "logits_stride", "states_stride",
           "hidden", "statistics", "size", "units"}

def kind(name, dtype):
    if name in NUMBERS:
        return "i32"
    return dtype if name in LOGITS else INTS if name in INDICES else FLOATS

def build(kernel, dtype, **constants):
    names = kernel.arg_names
    signature = {n: "constexpr" if n in constants else kind(n, dtype) for n in names}
    signature |= {"sampled": "*i32"} if "sampled" in names else {}
    places = {(names.index(n),): value for n, value in constants.items()}
    source = ASTSource(fn=kernel, signature=signature, constexprs=places)
    print(len(compile(source, target=GPUTarget("cuda", 90, 32)).asm["ptx"]) > 0)

for dtype in ("*bf16", "*fp32"):
    for gathered in (False, True):
        build(kernels.distribution, dtype, gathered=gathered, block=1024)
        build(kernels.join, dtype, gathered=gathered, width=3, block=1024)
        for tops in (0, 20):
            build(kernels.fold, dtype, gathered=gathered, width=3, capacity=2048, tops=tops,
                  top_block=32 if tops else 1, lowest=-30.0, keep=0.2)
build(kernels.enter, "*fp32")
for confident in (False, True):
    build(kernels.finish, "*fp32", confident=confident, block=64)
"""


def test_they_compile_for_hopper() -> None:
    assert run(COMPILE) == ["True"] * 19
