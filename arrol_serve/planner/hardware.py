"""GPUs by name. Figures are those of NVIDIA's datasheets: memory, its bandwidth, dense BF16 FLOPs."""

from __future__ import annotations

from dataclasses import dataclass

from arrol_serve.errors import InvalidRequest

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Gpu:
    """One accelerator: bytes, bytes per second, FLOPs per second without sparsity."""

    name: str
    memory: float
    bandwidth: float
    flops: float


def _gpu(name: str, memory_gib: float, bandwidth_tb: float, tflops: float) -> Gpu:
    return Gpu(name, memory_gib * GIB, bandwidth_tb * 1e12, tflops * 1e12)


GPUS = {
    gpu.name: gpu
    for gpu in (
        _gpu("l4", 24, 0.300, 121),
        _gpu("a10", 24, 0.600, 125),
        _gpu("rtx4090", 24, 1.008, 165),
        _gpu("l40s", 48, 0.864, 362),
        _gpu("a100-40gb", 40, 1.555, 312),
        _gpu("a100-80gb", 80, 2.039, 312),
        _gpu("h100-pcie", 80, 2.000, 756),
        _gpu("h100", 80, 3.350, 989),
        _gpu("h200", 141, 4.800, 989),
        _gpu("b200", 180, 8.000, 2250),
    )
}


def find_gpu(
    name: str | None, memory_gib: float | None, bandwidth_gb: float | None, tflops: float | None
) -> Gpu:
    """The named GPU with the given figures over its own. Raises ``InvalidRequest``."""
    if name is not None and name.lower() not in GPUS:
        raise InvalidRequest(
            f"There is no GPU {name!r} here: choose one of {', '.join(GPUS)}, or give --memory-gib, "
            "--bandwidth-gb-s and --tflops."
        )
    if name is None and None in (memory_gib, bandwidth_gb, tflops):
        raise InvalidRequest(
            "Name a --gpu, or give all of --memory-gib, --bandwidth-gb-s and --tflops."
        )
    base = GPUS[name.lower()] if name is not None else Gpu("given", 0.0, 0.0, 0.0)
    return Gpu(
        base.name,
        base.memory if memory_gib is None else memory_gib * GIB,
        base.bandwidth if bandwidth_gb is None else bandwidth_gb * 1e9,
        base.flops if tflops is None else tflops * 1e12,
    )
