"""Adapters: they alone learn, travel merged, survive a kill, and leave as what the server takes."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from arrol_serve.engine.plugin.adapters import ADAPTERS, merged_tensors
from arrol_serve.quality.artifact import load_head
from tests.paths import MODEL
from tests.trainer.policy.test_loss import rows
from tests.trainer.servers import launch
from tests.trainer.test_runs import (
    command,
    figures,
    interrupt,
    policy,
    run,
    run_by_itself,
    same,
    weights,
)
from trainer.config import load_config
from trainer.errors import ConfigError
from trainer.policy.learner import Learner
from trainer.run.log import read_metrics

LORA: dict[str, Any] = {"lora.rank": 4, "lora.alpha": 8, "optim.lr": 3e-3}


def learner(*changes: str) -> Learner:
    words = [f"{key}={value}" for key, value in LORA.items()]
    return Learner(MODEL, load_config(None, [*words, *changes]).policy)


def test_only_adapters_move_and_the_merged_model_is_the_same_function() -> None:
    ours, initial = learner(), load_file(MODEL / "model.safetensors")
    assert all(torch.equal(ours.weights()[name], initial[name]) for name in initial)
    assert ours.update(rows(), 0).grad_norm > 0
    frozen = {
        name.replace(".base_layer", ""): weight
        for name, weight in ours.model.named_parameters()
        if not weight.requires_grad
    }
    assert same(frozen, {name: initial[name] for name in frozen})
    moved = [n for n, w in ours.weights().items() if not torch.equal(w, initial[n])]
    assert len(moved) == 8 * 7  # every linear layer of 8 blocks
    plain = Learner(MODEL, load_config(None).policy)
    plain.model.load_state_dict(ours.weights(), strict=False)
    for one, other in zip(ours.score(rows(), 1.3), plain.score(rows(), 1.3), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_distance_is_to_the_model_without_adapters() -> None:
    ours = learner("algorithm.kl_weight=0.1")
    initial = ours.score(rows(), 1.0)
    ours.update(rows(), 0)
    away = ours.score(rows(), 1.0)
    assert not torch.equal(torch.cat(away), torch.cat(initial))
    assert torch.equal(torch.cat(ours._reference(rows())), torch.cat(initial))
    assert torch.equal(torch.cat(ours.score(rows(), 1.0)), torch.cat(away))


def test_dropout_is_repeatable_and_for_training_only() -> None:
    one, other, dry = learner("lora.dropout=0.5"), learner("lora.dropout=0.5"), learner()
    scored = one.score(rows(), 1.0)
    assert torch.equal(torch.cat(scored), torch.cat(dry.score(rows(), 1.0)))
    for each in (one, other, dry):
        each.update(rows(), 0)
    assert same(one.state.model(), other.state.model())
    assert not same(one.state.model(), dry.state.model())


def test_layers_that_are_not_there_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'q_prj'.*k_proj, lm_head, o_proj, q_proj"):
        learner('lora.target_modules=["q_prj"]')
    with pytest.raises(ConfigError, match=r"lora\.rank is 0"):
        load_config(None, ["lora.alpha=16"])


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = tmp_path_factory.mktemp("lora") / "whole"
    run_by_itself(policy(out, **LORA))
    return out


def test_a_killed_run_goes_on_to_the_same_adapters(adapted: Path, tmp_path: Path) -> None:
    assert all(row["sync_gap"] < 1e-4 for row in read_metrics(adapted))
    assert any(row["kept"] < 1 for row in read_metrics(adapted))
    assert all(".lora_" in name for name in weights(adapted))
    out = tmp_path / "killed"
    assert interrupt(policy(out, **LORA), out, signal.SIGKILL, after=2) == -signal.SIGKILL
    run(policy(out, "--resume", "auto", **LORA))
    assert same(weights(out), weights(adapted))
    assert figures(out) == figures(adapted)


def test_the_export_is_merged_and_brings_the_adapter(adapted: Path, tmp_path: Path) -> None:
    target = tmp_path / "My-Model"
    run(command("export", str(adapted), "--to", str(target)))
    whole = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32)
    base = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    tokens = torch.arange(5, 60)[None]
    with torch.no_grad():
        expected, untrained = whole(tokens).logits, base(tokens).logits
        on_top = PeftModel.from_pretrained(base, target / "adapter").eval()
        torch.testing.assert_close(on_top(tokens).logits, expected, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(untrained, expected, atol=1e-3)
    live = dict(merged_tensors(adapted / "live" / "weights" / ADAPTERS, MODEL))  # the last sync
    assert same(dict(whole.named_parameters()), live)


@pytest.mark.slow
def test_the_export_is_served_with_its_head(adapted: Path, tmp_path: Path) -> None:
    target = tmp_path / "My-Model"
    run(command("export", str(adapted), "--to", str(target)))
    _, manifest = load_head(target / "heads" / "my-model")
    server = launch(tmp_path / "server.log", str(target))
    try:
        body = {
            "model": str(target),
            "messages": [{"role": "user", "content": "What is 12*34+5-6?"}],
            "seed": 1,
            "temperature": 1.3,
            "arrol": {"samples": 8, "prune": {"keep": 0.5}, "vote": "quality"},
        }
        reply = httpx.post(f"{server.public}/v1/chat/completions", json=body, timeout=120)
        assert reply.status_code == 200, reply.text
        report = reply.json()["arrol"]
        assert report["head"] == {"id": manifest.id, "version": manifest.version}
        assert report["samples"]["pruned"] > 0
        assert report["answer"] is not None
    finally:
        server.kill()
