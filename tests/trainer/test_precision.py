"""bfloat16: passes and engine compute in it, weights and optimizer keep float32, values stay close."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.paths import MODEL
from tests.trainer.policy.test_loss import gradient, rows
from tests.trainer.test_runs import command, policy, run, weights
from trainer.config import load_config
from trainer.policy.learner import Learner
from trainer.precision import GAPS, allowed_gap, compute_dtype, device
from trainer.run.log import read_metrics

LOWER = "optim.dtype=bfloat16"


def test_auto_is_what_the_machine_is_good_at() -> None:
    config = load_config(None)
    expected = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    assert compute_dtype(config.optim) is expected
    assert allowed_gap(config.sync, config.optim) == GAPS[expected]
    given = load_config(None, [LOWER, "sync.max_gap=0.125"])
    assert allowed_gap(given.sync, given.optim) == 0.125
    assert device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_the_update_is_close_to_that_of_float32() -> None:
    whole, lower = gradient(10_000), gradient(10_000, LOWER)
    assert not torch.equal(whole, lower)
    assert torch.nn.functional.cosine_similarity(whole, lower, dim=0) > 0.99
    full, half = (
        Learner(MODEL, load_config(None, [f"optim.dtype={name}"]).policy)
        for name in ("float32", "bfloat16")
    )
    assert half.update(rows(), 0).loss == pytest.approx(full.update(rows(), 0).loss, rel=0.05)
    assert {weight.dtype for weight in half.state.model().values()} == {torch.float32}
    moments = [state["exp_avg"].dtype for state in half.optimizer.state.values()]
    assert set(moments) == {torch.float32}
    assert {weight.dtype for weight in half.weights().values()} == {torch.bfloat16}


def test_a_run_in_bfloat16_with_its_engine_and_export(tmp_path: Path) -> None:
    out, target = tmp_path / "run", tmp_path / "model"
    run(policy(out, **{"run.steps": 2, "optim.dtype": "bfloat16"}))
    found = read_metrics(out)
    assert all(1e-4 < row["sync_gap"] < GAPS[torch.bfloat16] for row in found)
    assert all(row["mismatch_kl"] < 0.05 for row in found if row["mismatch_kl"] is not None)
    run(command("export", str(out), "--to", str(target)))
    exported, trained = load_file(target / "model.safetensors"), weights(out)
    assert all(torch.equal(exported[name], trained[name].bfloat16()) for name in exported)
