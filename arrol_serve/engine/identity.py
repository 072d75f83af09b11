"""Which weights a local checkpoint has, whatever files it is cut into."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

MAX_HASHED = 64 * 2**20
"""Bytes of weights that are worth reading as a whole at start."""
WINDOW = 4096
"""Bytes at the start, in the middle and at the end of each tensor that identify larger checkpoints."""
BY_TENSOR = "tensors:"
"""What an identity begins with that does not depend on files; without it, it is the hash of the only one."""


def weights_sha256(model: str) -> str | None:
    """Hash of name, type, shape and content of every tensor of a local model; None where there is none.

    Of more than ``MAX_HASHED`` bytes a part of each tensor is read: training moves all of a tensor.
    """
    try:
        files = _files(Path(model))
        whole = sum(file.stat().st_size for file in files) <= MAX_HASHED
        tensors = sorted(tensor for file in files for tensor in _tensors(file, whole=whole))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # vLLM says what is wrong with a broken checkpoint
    if not tensors:
        return None
    digest = hashlib.sha256()
    for name, facts, content in tensors:
        digest.update(f"{name} {facts} {content}\n".encode())
    return BY_TENSOR + digest.hexdigest()


def other_weights(wanted: str, model: str) -> bool:
    """Whether a local model certainly has other weights than those with the identity ``wanted``."""
    found = weights_sha256(model) if wanted.startswith(BY_TENSOR) else _only_file(Path(model))
    return found is not None and found != wanted


def _only_file(model: Path) -> str | None:
    path = model / "model.safetensors"
    if not path.is_file() or path.stat().st_size > MAX_HASHED:
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(model: Path) -> list[Path]:
    """As transformers chooses them."""
    if (model / "model.safetensors").is_file():
        return [model / "model.safetensors"]
    index = model / "model.safetensors.index.json"
    if not index.is_file():
        return sorted(model.glob("*.safetensors"))
    return [
        model / name for name in sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    ]


def _tensors(file: Path, *, whole: bool) -> Iterator[tuple[str, str, str]]:
    """(name, type and shape, hash of what is read) of each tensor of a safetensors file."""
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(size))
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            part = hashlib.sha256()
            for start, stop in [(begin, end)] if whole else _windows(begin, end):
                opened.seek(8 + size + start)
                part.update(opened.read(stop - start))
            yield name, f"{entry['dtype']} {entry['shape']}", part.hexdigest()


def _windows(begin: int, end: int) -> list[tuple[int, int]]:
    if end - begin <= 3 * WINDOW:
        return [(begin, end)]
    middle = (begin + end) // 2
    return [(start, start + WINDOW) for start in (begin, middle, end - WINDOW)]
