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

from trainer.errors import ConfigError, SaveFailed

MODEL, STATE, MANIFEST = "model.safetensors", "state.pt", "manifest.json"
PREFIX, BEST_PREFIX = "step_", "best_"
NEWEST, BEST = "newest", "best"


def save(
    folder: Path, step: int, weights: Mapping[str, Tensor], state: Mapping[str, Any], keep: int
) -> Path:
    """Write ``step``'s checkpoint, then drop all but the newest ``keep``. Raises ``SaveFailed``."""
    whole = _write(folder, f"{PREFIX}{step:06d}", weights, state)
    for old in complete(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return whole


def save_both(
    folder: Path,
    step: int,
    weights: Mapping[str, Tensor],
    state: Mapping[str, Any],
    keep: int,
    best: int | None,
) -> None:
    """``step``, and by itself if it is the ``best`` one. Raises ``SaveFailed``."""
    if best and best == step:  # the model that the run began with is there already
        save_best(folder, best, weights, {name: state[name] for name in ("done", "head")})
    save(folder, step, weights, state, keep)
    drop_bests(folder, best)


def save_best(
    folder: Path, step: int, weights: Mapping[str, Tensor], state: Mapping[str, Any]
) -> Path:
    """What an export needs of ``step``; older ones stay until ``drop_bests``. Raises ``SaveFailed``."""
    return _write(folder, f"{BEST_PREFIX}{step:06d}", weights, state)


def drop_bests(folder: Path, step: int | None) -> None:
    """All but that of ``step``: when a checkpoint that knows of it is whole, so that a run that goes on
    from any checkpoint finds the best one that it knows."""
    for old in complete(folder, BEST_PREFIX):
        if step is None or old.name != f"{BEST_PREFIX}{step:06d}":
            shutil.rmtree(old, ignore_errors=True)


def _write(
    folder: Path, name: str, weights: Mapping[str, Tensor], state: Mapping[str, Any]
) -> Path:
    """The manifest is written last and the folder gets its name at the end: a kill at any moment
    leaves the newest complete checkpoint in force.
    """
    whole = folder / name
    if _whole(whole):
        return whole
    part = folder / f"{whole.name}.part"
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        save_file(dict(weights), part / MODEL)
        torch.save(dict(state), part / STATE)
        sizes = {name: (part / name).stat().st_size for name in (MODEL, STATE)}
        (part / MANIFEST).write_text(json.dumps({"step": _step(whole), "bytes": sizes}) + "\n")
        for name in (MODEL, STATE, MANIFEST):
            _flush(part / name)
        shutil.rmtree(whole, ignore_errors=True)
        part.replace(whole)
        _flush(folder)
    except (OSError, RuntimeError, SafetensorError) as error:  # a full disk has three names
        shutil.rmtree(part, ignore_errors=True)
        raise SaveFailed(
            f"The checkpoint of step {_step(whole)} could not be written to {folder} ({error}). The one "
            "before it is whole: make room and run again with --resume auto."
        ) from error
    return whole


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def complete(folder: Path, prefix: str = PREFIX) -> list[Path]:
    """Whole checkpoints, oldest first; cut or damaged ones are passed over."""
    found = [path for path in sorted(folder.glob(f"{prefix}*")) if path.suffix != ".part"]
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


def find(folder: Path, which: str) -> Path:
    """``newest``, ``best`` or the number of a step. Raises ``ConfigError`` where there is no such one."""
    steps, bests = complete(folder), complete(folder, BEST_PREFIX)
    there = ", ".join([*(str(_step(path)) for path in steps), *(BEST for _ in bests[:1])])
    if not there:
        raise ConfigError(f"{folder.parent} has no checkpoint yet.")
    if which == BEST and not bests:
        raise ConfigError(
            f"{folder.parent} has no best checkpoint: no evaluation of it (eval.every, eval.keep_best) was "
            f"better than the first one. There are {there}; --checkpoint newest takes the last.",
            param="--checkpoint",
        )
    found = {str(_step(path)): path for path in steps}
    found |= {NEWEST: (steps or bests)[-1], **({BEST: bests[-1]} if bests else {})}
    if which not in found:
        raise ConfigError(
            f"--checkpoint {which}: {folder.parent} has {there}, and newest.", param="--checkpoint"
        )
    return found[which]


def _step(path: Path) -> int:
    return int(path.name.rpartition("_")[2])


def load_state(checkpoint: Path) -> dict[str, Any]:
    """What ``save`` got as ``state``: tensors and plain types, nothing executable."""
    state: dict[str, Any] = torch.load(checkpoint / STATE, weights_only=True, map_location="cpu")
    return state
