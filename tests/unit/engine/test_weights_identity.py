"""A head knows its weights, whatever files they are cut into."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import arrol_serve.engine.identity as identity
from arrol_serve.engine.identity import other_weights, weights_sha256
from arrol_serve.engine.setup import check_base_model
from arrol_serve.errors import HeadMismatch
from arrol_serve.quality.artifact import load_manifest
from tests.paths import HEAD, MODEL


def sharded(folder: Path, weights: dict[str, torch.Tensor], shards: int) -> str:
    """Write a checkpoint in several files, as transformers does."""
    folder.mkdir()
    shutil.copy(MODEL / "config.json", folder)
    names, index = list(weights), {}
    for place in range(shards):
        file = f"model-{place + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: weights[name] for name in names[place::shards]}
        save_file(part, folder / file)
        index |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    return str(folder)


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    return load_file(MODEL / "model.safetensors")


@pytest.mark.parametrize("whole", [True, False], ids=["every byte", "parts of tensors"])
def test_files_do_not_matter_and_values_do(
    tmp_path: Path,
    weights: dict[str, torch.Tensor],
    whole: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not whole:
        monkeypatch.setattr(identity, "MAX_HASHED", 1)
    two = weights_sha256(sharded(tmp_path / "two", weights, 2))
    assert (
        two == weights_sha256(sharded(tmp_path / "five", weights, 5)) == weights_sha256(str(MODEL))
    )
    moved = {name: value + 1e-3 for name, value in weights.items()}
    assert two != weights_sha256(sharded(tmp_path / "moved", moved, 2))


def test_a_head_of_another_sharded_model_is_refused(
    tmp_path: Path, weights: dict[str, torch.Tensor]
) -> None:
    own, manifest = sharded(tmp_path / "own", weights, 3), load_manifest(HEAD)
    facts = manifest.base_model.model_copy(update={"weights_sha256": weights_sha256(own)})
    head = manifest.model_copy(update={"base_model": facts})
    check_base_model(head, own)
    weights["model.norm.weight"] += 0.01
    with pytest.raises(HeadMismatch, match="other weights"):
        check_base_model(head, sharded(tmp_path / "other", weights, 3))


def test_an_older_head_names_the_only_file() -> None:
    digest = hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest()
    assert not other_weights(digest, str(MODEL))
    assert other_weights("0" * 64, str(MODEL))


def test_what_is_no_checkpoint_has_no_identity(tmp_path: Path) -> None:
    assert weights_sha256("someone/some-model") is None
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0[1, 2]  ")
    assert weights_sha256(str(tmp_path)) is None
