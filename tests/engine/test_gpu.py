"""The same engine tests on a GPU: asynchronous scheduling, both model runners.

Needs the ``cuda`` extra; run with ``pytest -m gpu``.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arrol_serve.engine.plugin.scoring.device_check import (
    CLOSE,
    Shapes,
    difference,
    fold_for,
    random_head,
)
from arrol_serve.engine.plugin.scoring.ends import NEVER, Ends
from arrol_serve.engine.plugin.scoring.fold import Places
from tests.engine.test_apart import flat, run_apart

pytestmark = pytest.mark.gpu
RUNNERS = pytest.mark.parametrize("v2", ["0", "1"], ids=["V1 runner", "V2 runner"])


@RUNNERS
def test_half_a_group_is_pruned_at_the_probe(v2: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_USE_V2_MODEL_RUNNER", v2)
    seen = run_apart("fixed")
    assert seen["scheduler"] == "AsyncPruningScheduler"
    # One step is in flight when a probe is judged: its token is dropped, not delivered.
    assert seen["counts"] == [16] * 32 + [64] * 32
    assert seen["leaked_blocks"] == 0
    assert seen["groups"] == 0


@RUNNERS
def test_an_idle_plugin_gives_the_same_tokens(v2: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_USE_V2_MODEL_RUNNER", v2)
    assert run_apart("idle")["tokens"] == run_apart("plain")["tokens"]


@RUNNERS
def test_both_runners_score_alike(v2: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_USE_V2_MODEL_RUNNER", v2)
    seen = run_apart("fixed")
    assert all(score is not None for score in seen["scores"])


def test_the_kernels_agree_with_tensor_operations() -> None:
    device = torch.device("cuda")
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        shapes = Shapes(vocabulary=151_936, hidden=4096, width=4, dtype=dtype)
        assert difference(device, shapes) < CLOSE
    assert type(fold_for(device, 8, Shapes())).__name__ == "DeviceFold"


def test_a_step_has_at_most_ten_launches_and_waits_for_nothing() -> None:
    device = torch.device("cuda")
    head = random_head(device, 4096)
    fold = fold_for(device, 256, Shapes(151_936, 4096, 1, torch.bfloat16))
    slots = np.arange(256, dtype=np.int64)
    for slot in slots.tolist():
        fold.begin(slot, 64, Ends((), NEVER, False, ()))
    on_device = torch.from_numpy(np.stack([slots] * 3)).to(device)
    places = Places(np.stack([slots, slots, slots]), None, on_device)
    logits = torch.randn(256, 151_936, device=device, dtype=torch.bfloat16)
    states = torch.randn(256, 4096, device=device, dtype=torch.bfloat16)
    sampled = torch.zeros(256, 1, device=device, dtype=torch.int32)

    def step() -> None:
        fold.before(places, logits, confidence=False)
        assert fold.scores(head, places, states, fold.after(places, sampled)) is not None

    step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as seen:
            step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.cuda.synchronize()
    kernels = [e for e in seen.events() if e.device_type == torch.autograd.DeviceType.CUDA]
    assert 0 < len(kernels) <= 10
    before = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step()
    assert torch.cuda.max_memory_allocated() - torch.cuda.memory_allocated() < 32 * 2**20, before


@RUNNERS
@pytest.mark.parametrize("method", ["ngram"])
def test_drafts_change_no_figure(v2: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_USE_V2_MODEL_RUNNER", v2)
    plain, drafting = run_apart("greedy")["greedy"], run_apart("drafting")["greedy"]
    for figure in ("ends", "probes", "quality", "confidence"):
        assert flat(drafting[figure]) == pytest.approx(flat(plain[figure]), abs=1e-2)
