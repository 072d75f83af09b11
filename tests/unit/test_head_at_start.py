"""Heads that the server must not start with: one line each, exit status 2."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from vllm.platforms import current_platform

from arrol_serve.cli import main
from tests.paths import HEAD, MODEL


@pytest.fixture
def head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLLM_PLUGINS", "arrol")
    return shutil.copytree(HEAD, tmp_path / "head")


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_a_missing_head(head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(head)
    assert "There is no head in" in refusal(capsys, "--head", str(head))


def test_a_corrupt_head(head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = head / "head.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "Export the head again" in refusal(capsys, "--head", str(head))


def test_a_head_for_other_weights(
    head: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = shutil.copytree(MODEL, tmp_path / "model")
    weights = model / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    said = refusal(capsys, str(model), "--head", str(head))
    assert "was made for other weights" in said
    assert "--head none" in said


def test_a_head_for_another_hidden_size(
    head: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = shutil.copytree(MODEL, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"hidden_size": 4096}))
    said = refusal(capsys, str(model), "--head", str(head))
    assert "hidden_size 128" in said
    assert "hidden_size 4096" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "option",
    [
        ("--speculative-config", '{"method": "mtp", "enable_adaptive_verification": true}'),
        ("--runner", "pooling"),
        ("--enable-batch-sharded-sampling",),
        ("--prefill-context-parallel-size", "2"),
    ],
)
def test_what_the_plugin_cannot_honour(
    head: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, ...]
) -> None:
    said = refusal(capsys, *option)
    assert f"{option[0]}: " in said
    assert len(said.splitlines()) == 1


@pytest.mark.skipif(not current_platform.is_cpu(), reason="GPUs have no NUMA nodes to share")
def test_more_cpu_workers_than_numa_nodes(head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "--tensor-parallel-size", "64")
    assert "VLLM_CPU_OMP_THREADS_BIND" in said
    assert len(said.splitlines()) == 1


def test_another_scheduler(head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--scheduler-cls is arrol-serve's own seam" in refusal(
        capsys, "--scheduler-cls", "vllm.v1.core.sched.scheduler.Scheduler"
    )
