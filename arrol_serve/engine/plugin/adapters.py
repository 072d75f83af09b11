"""A base model with a trainer's adapters merged in, tensor by tensor: what a LoRA sync loads.

The trainer sends A and B of each adapted layer alone; the base is the model that is served. The file holds
``NAME|a``, ``NAME|b`` and ``NAME|scale`` ([2] float64: the factor, and 1 where the layer keeps its weight
transposed) for each adapted weight ``NAME``; its header names all weights of the model and their type.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

ADAPTERS = "adapters"
"""The folder beside the whole model's files."""
FILE = "adapters.safetensors"
A, B, SCALE = "|a", "|b", "|scale"


def header(names: Sequence[str], dtype: torch.dtype) -> dict[str, str]:
    return {"names": json.dumps(list(names)), "dtype": str(dtype).removeprefix("torch.")}


def merge(weight: Tensor, a: Tensor, b: Tensor, scale: float, *, transposed: bool) -> Tensor:
    """W + scale B A. Trainer and worker both call this, since rounding depends on the order."""
    change = scale * (b @ a)
    return weight + (change.T if transposed else change)


def merged_tensors(folder: Path, base: Path) -> Iterator[tuple[str, Tensor]]:
    """All weights by checkpoint name. Raises ``ValueError`` or ``OSError`` before the first one.

    ``folder``: with ``FILE``; ``base``: the model that adapters were trained on.
    """
    with safe_open(folder / FILE, framework="pt") as adapters:
        told: Mapping[str, str] = adapters.metadata()
        names, dtype = json.loads(told["names"]), getattr(torch, told["dtype"])
        places = base_files(base, names)
        adapted = set(adapters.keys())
        return _merged(adapters_of(adapters, adapted), places, dtype)


def adapters_of(file: Any, keys: set[str]) -> dict[str, Tensor]:
    return {key: file.get_tensor(key) for key in keys}


def base_files(base: Path, names: Sequence[str]) -> dict[Path, list[str]]:
    """Which file of ``base`` holds which of ``names``. Raises ``ValueError`` where one is missing."""
    places: dict[Path, list[str]] = {}
    missing = set(names)
    for path in sorted(base.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            here = [name for name in file.keys() if name in missing]  # noqa: SIM118 - no mapping
        places[path] = here
        missing -= set(here)
    if missing:
        raise ValueError(
            f"{base} has no tensor {min(missing)} ({len(missing)} are missing), so that adapters cannot be "
            'merged into it: set sync.lora = "merged"'
        )
    return places


def _merged(
    adapters: Mapping[str, Tensor], places: Mapping[Path, Sequence[str]], dtype: torch.dtype
) -> Iterator[tuple[str, Tensor]]:
    with ExitStack() as stack:
        for path, names in places.items():
            file = stack.enter_context(safe_open(path, framework="pt"))
            for name in names:
                weight = file.get_tensor(name).float()
                if name + A in adapters:
                    scale, transposed = adapters[name + SCALE].tolist()
                    a, b = adapters[name + A], adapters[name + B]
                    weight = merge(weight, a, b, scale, transposed=bool(transposed))
                yield name, weight.to(dtype)
