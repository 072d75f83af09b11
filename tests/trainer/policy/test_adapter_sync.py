"""A sync of adapters alone: few bytes, and bit by bit what a sync of the merged model brings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from arrol_serve.engine.plugin.adapters import FILE, header, merged_tensors
from tests.paths import MODEL
from tests.trainer.policy.test_loss import rows
from tests.warm.command import PYTHON, run
from trainer.config import load_config
from trainer.engines.weight_transfer import sends_adapters
from trainer.errors import ConfigError
from trainer.policy.learner import Learner
from trainer.sections import LoraSection, SyncSection


def syncs(folder: Path, which: str) -> dict[str, Any]:
    words = [*PYTHON, "tests.trainer.policy.adapter_syncs", str(folder), which]
    done = run(words, 280)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_the_engine_holds_the_merged_weights(tmp_path: Path) -> None:
    told = syncs(tmp_path, "same")
    for name in ("adapters", "auto", "merged"):
        assert told[name]["exact"]
        assert told[name]["gap"] < 1e-3
    assert told["adapters"]["bytes"] == told["auto"]["bytes"] < told["merged"]["bytes"] / 5


def test_an_engine_with_another_model_is_found_out(tmp_path: Path) -> None:
    told = syncs(tmp_path, "other")
    assert "bit by bit" in told["adapters"]["refused"]
    assert told["auto"]["exact"]  # by all weights after all
    assert told["auto"]["bytes"] == told["merged"]["bytes"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_is_merged_there_is_what_is_merged_here(tmp_path: Path, dtype: str) -> None:
    words = ["lora.rank=4", "lora.alpha=8", "optim.lr=3e-3", f"optim.dtype={dtype}"]
    learner = Learner(MODEL, load_config(None, words).policy)
    learner.update(rows(), 0)
    wanted = learner.weights()
    adapters = learner.state.adapters()
    save_file(adapters, tmp_path / FILE, header(list(wanted), learner.policy.dtype))
    found = dict(merged_tensors(tmp_path, MODEL))
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_a_model_without_the_weights_is_named(tmp_path: Path) -> None:
    save_file({}, tmp_path / FILE, header(["model.nothing"], torch.float32))
    with pytest.raises(ValueError, match=r'no tensor model.nothing.*sync\.lora = "merged"'):
        merged_tensors(tmp_path, MODEL)


@pytest.mark.parametrize(
    ("how", "rank", "remote", "sends"),
    [
        ("auto", 0, False, False),
        ("auto", 4, False, True),
        ("auto", 4, True, False),
        ("adapters", 4, True, True),
        ("merged", 4, False, False),
    ],
)
def test_when_adapters_are_sent(how: Any, rank: int, remote: bool, sends: bool) -> None:
    sync = SyncSection(lora=how)
    assert sends_adapters(sync, LoraSection(rank=rank), remote=remote) == sends


def test_adapters_that_there_are_not_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"needs lora\.rank above 0"):
        sends_adapters(SyncSection(lora="adapters"), LoraSection(), remote=False)
    gpu = SyncSection(lora="adapters", backend="ipc")
    with pytest.raises(ConfigError, match=r'sync\.backend = "path"'):
        sends_adapters(gpu, LoraSection(rank=4), remote=False)
