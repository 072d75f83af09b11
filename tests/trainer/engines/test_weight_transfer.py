"""Which way weights travel: refusals here, the GPU's ways on GPUs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch

from tests.paths import ROOT
from tests.trainer.servers import KEY, launch
from tests.trainer.test_runs import policy
from trainer.config import load_config
from trainer.engines.weight_transfer import StagedWeights, check_backend
from trainer.errors import ConfigError
from trainer.policy.learner import Learner
from trainer.precision import GAPS
from trainer.run.folder import model_folder
from trainer.run.log import read_metrics

ON_CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without a GPU")


@ON_CPU
@pytest.mark.parametrize(("backend", "remote"), [("ipc", False), ("nccl", True)])
def test_gpu_transfers_are_refused_without_a_gpu(backend: str, remote: bool) -> None:
    with pytest.raises(ConfigError, match=r'set sync\.backend = "path"'):
        check_backend(backend, remote=remote)


def test_files_work_everywhere() -> None:
    check_backend("path", remote=False)
    check_backend("path", remote=True)


def test_what_is_declared_is_what_is_sent() -> None:
    config = load_config(None)
    source = StagedWeights(
        Learner(model_folder(config), config.policy).weights(), torch.device("cpu")
    )
    metadata = source.metadata  # a method up to vLLM 0.32, then a property
    found = metadata() if callable(metadata) else metadata
    declared = [(meta.name, meta.dtype, meta.shape) for meta in found]
    assert declared == [(name, t.dtype, tuple(t.shape)) for name, t in source.tensors()]
    assert len(declared) == len({name for name, _, _ in declared}) > 10


def finish(words: list[str], **environment: str) -> None:
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.gpu
@pytest.mark.timeout(900)
def test_weights_reach_a_colocated_engine_by_cuda_ipc(tmp_path: Path) -> None:
    out = tmp_path / "run"
    finish(policy(out, **{"sync.backend": "ipc"}))
    assert [row["sync_gap"] < GAPS[torch.bfloat16] for row in read_metrics(out)] == [True] * 3


@pytest.mark.gpu
@pytest.mark.timeout(900)
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="NCCL wants a GPU on each side")
def test_weights_reach_a_server_by_nccl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    server = launch(tmp_path / "server.log", "--weight-transfer-config", '{"backend": "nccl"}')
    out = tmp_path / "run"
    changes = {"sync.backend": "nccl", "rollout.replicas": [server.url]}
    try:
        finish(policy(out, **changes), ARROL_ADMIN_KEY=KEY, CUDA_VISIBLE_DEVICES="0")
    finally:
        server.kill()
    assert [row["sync_gap"] < GAPS[torch.bfloat16] for row in read_metrics(out)] == [True] * 3
