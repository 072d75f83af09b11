"""A run's state on disk: a folder per checkpoint that appears whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from trainer.errors import SaveFailed

MODEL, STATE, MANIFEST = "model.safetensors", "state.pt", "manifest.json"
PREFIX = "step_"


def save(
    folder: Path, step: int, weights: Mapping[str, Tensor], state: Mapping[str, Any], keep: int
) -> Path:
    """Write ``step``'s checkpoint, then drop all but the newest ``keep``. Raises ``SaveFailed``.

    The manifest is written last and the folder gets its name at the end: a kill at any moment
    leaves the newest complete checkpoint in force.
    """
    whole = folder / f"{PREFIX}{step:06d}"
    if whole in complete(folder):
        return whole
    part = folder / f"{whole.name}.part"
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        save_file(dict(weights), part / MODEL)
        torch.save(dict(state), part / STATE)
        sizes = {name: (part / name).stat().st_size for name in (MODEL, STATE)}
        (part / MANIFEST).write_text(json.dumps({"step": step, "bytes": sizes}) + "\n")
        for name in (MODEL, STATE, MANIFEST):
            _flush(part / name)
        shutil.rmtree(whole, ignore_errors=True)
        part.replace(whole)
        _flush(folder)
    except (OSError, RuntimeError, SafetensorError) as error:  # a full disk has three names
        shutil.rmtree(part, ignore_errors=True)
        raise SaveFailed(
            f"The checkpoint of step {step} could not be written to {folder} ({error}). The one "
            "before it is whole: make room and run again with --resume auto."
        ) from error
    for old in complete(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return whole


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def complete(folder: Path) -> list[Path]:
    """Whole checkpoints, oldest first; cut or damaged ones are passed over."""
    found = [path for path in sorted(folder.glob(f"{PREFIX}*")) if path.suffix != ".part"]
    return [path for path in found if _whole(path)]


def _whole(path: Path) -> bool:
    try:
        sizes = json.loads((path / MANIFEST).read_text())["bytes"]
        return all((path / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint."""
    found = complete(folder)
    return found[-1] if found else None


def load_state(checkpoint: Path) -> dict[str, Any]:
    """What ``save`` got as ``state``: tensors and plain types, nothing executable."""
    state: dict[str, Any] = torch.load(checkpoint / STATE, weights_only=True, map_location="cpu")
    return state
