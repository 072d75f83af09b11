"""The same engine tests on a GPU: asynchronous scheduling, both model runners.

Needs the ``cuda`` extra; run with ``pytest -m gpu``.
"""

from __future__ import annotations

import pytest

from tests.engine.test_apart import run_apart

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
