"""Checkpoints are whole or not there."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from trainer.config import load_config
from trainer.errors import ConfigError
from trainer.run import checkpoint
from trainer.run.folder import open_run

WEIGHTS = {"w": torch.arange(3.0)}


def save(folder: Path, step: int, keep: int = 2) -> Path:
    return checkpoint.save(folder, step, WEIGHTS, {"done": step}, keep)


def test_the_newest_few_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10):
        save(tmp_path, step)
    assert [path.name for path in checkpoint.complete(tmp_path)] == ["step_000002", "step_000010"]
    newest = checkpoint.latest(tmp_path)
    assert newest is not None
    assert checkpoint.load_state(newest) == {"done": 10}


@pytest.mark.parametrize("name", [checkpoint.MODEL, checkpoint.STATE, checkpoint.MANIFEST])
def test_a_damaged_one_is_passed_over(tmp_path: Path, name: str) -> None:
    first, second = save(tmp_path, 1), save(tmp_path, 2)
    content = (second / name).read_bytes()
    (second / name).write_bytes(content[: len(content) // 2])
    assert checkpoint.latest(tmp_path) == first
    (second / name).unlink()
    assert checkpoint.latest(tmp_path) == first


def test_one_that_was_being_written_is_passed_over(tmp_path: Path) -> None:
    first = save(tmp_path, 1)
    shutil.copytree(first, tmp_path / "step_000002.part")
    assert checkpoint.latest(tmp_path) == first
    save(tmp_path, 2)
    assert [path.name for path in checkpoint.complete(tmp_path)] == ["step_000001", "step_000002"]


@contextmanager
def no_room(byte_count: int) -> Iterator[None]:
    """Files of this process may not grow beyond ``byte_count``, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (byte_count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("byte_count", [0, 10, 200])
def test_a_full_disk_leaves_the_last_one_usable(tmp_path: Path, byte_count: int) -> None:
    first = save(tmp_path, 1)
    with no_room(byte_count), pytest.raises(checkpoint.SaveFailed, match="step 2 could not be"):
        save(tmp_path, 2)
    assert checkpoint.latest(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == ["step_000001"]


def test_a_run_is_not_overwritten_and_not_resumed_as_another(tmp_path: Path) -> None:
    config = load_config(None, [f"run.out={tmp_path}"])
    run, start = open_run(config, resume=True)
    assert start is None
    newest = save(run.checkpoints, 3)
    with pytest.raises(ConfigError, match="--resume auto"):
        open_run(config, resume=False)
    longer = load_config(None, [f"run.out={tmp_path}", "run.steps=500"])
    assert open_run(longer, resume=True)[1] == newest
    other = load_config(None, [f"run.out={tmp_path}", "optim.lr=0.5"])
    with pytest.raises(ConfigError, match=r"optim.lr was 1e-06"):
        open_run(other, resume=True)


def test_the_best_one_is_found_and_older_ones_go_when_a_checkpoint_knows_it(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    with pytest.raises(ConfigError, match="no checkpoint yet"):
        checkpoint.find(folder, "newest")
    save(folder, 10)
    with pytest.raises(ConfigError, match=r"has no best checkpoint: .* There are 10"):
        checkpoint.find(folder, "best")
    for step in (10, 20):
        checkpoint.save_best(folder, step, WEIGHTS, {"done": step})
    assert checkpoint.find(folder, "best").name == "best_000020"
    checkpoint.drop_bests(folder, 10)  # resumed from step 10, which knows of no later one
    assert checkpoint.find(folder, "best").name == "best_000010"
    save(folder, 30)
    assert checkpoint.find(folder, "newest").name == "step_000030"
    assert checkpoint.find(folder, "10").name == "step_000010"
    with pytest.raises(ConfigError, match=r"--checkpoint 20: .* has 10, 30, best, and newest"):
        checkpoint.find(folder, "20")
