"""The same engine tests on a GPU: asynchronous scheduling, both model runners.

Needs the ``cuda`` extra; run with ``pytest -m gpu``.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from arrol_serve.engine.plugin.scoring.device_check import CLOSE, Shapes, difference, fold_for
from arrol_serve.quality.artifact import load_head
from arrol_serve.quality.head import QualityHead
from arrol_serve.rollout import PRUNED_STOP_REASON
from tests.engine.test_apart import flat, run_apart
from tests.engine.test_scores import features_after, offline
from tests.paths import HEAD

pytestmark = pytest.mark.gpu
RUNNERS = pytest.mark.parametrize("v2", ["0", "1"], ids=["V1 runner", "V2 runner"])

CLOSE_TO_OFFLINE = 0.05
"""Of logits, which another machine computes by other kernels."""


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


@pytest.fixture(scope="module")
def sampled() -> list[dict[str, Any]]:
    """Figures of sampled rollouts by each runner."""
    return [run_apart("figures", VLLM_USE_V2_MODEL_RUNNER=v2) for v2 in ("0", "1")]


@pytest.mark.parametrize("runner", [0, 1], ids=["V1 runner", "V2 runner"])
def test_a_runners_scores_are_those_of_transformers(
    sampled: list[dict[str, Any]], runner: int
) -> None:
    """Of the tokens that were sampled, since sampling on a GPU need not repeat itself elsewhere."""
    seen, (head, _) = sampled[runner], load_head(HEAD)
    rows = zip(seen["prompts"], seen["tokens"], seen["probes"], seen["quality"], strict=True)
    scored = 0
    for place, (prompt, tokens, probes, quality) in enumerate(rows):
        reference = offline(None, tokens, prompt)
        ending = _by_hand(head, reference, len(tokens))
        pruned = seen["ends"][place][1] == PRUNED_STOP_REASON
        assert quality == pytest.approx(ending[0 if pruned else 1], abs=CLOSE_TO_OFFLINE)
        for count, score, _ in probes:
            assert score == pytest.approx(_by_hand(head, reference, count)[0], abs=CLOSE_TO_OFFLINE)
            scored += 1
        confidence = -reference["top"].mean().item()
        assert seen["confidence"][place] == pytest.approx(confidence, rel=1e-2)
    assert scored


def test_both_runners_score_the_same_greedy_tokens_alike() -> None:
    first, second = (
        run_apart("greedy", VLLM_USE_V2_MODEL_RUNNER=v2)["greedy"] for v2 in ("0", "1")
    )
    same = [a == b for a, b in zip(first["tokens"], second["tokens"], strict=True)]
    assert sum(same) > 0.9 * len(same)  # a tie may go either way
    for figure in ("probes", "quality", "confidence"):
        ours, theirs = (
            [value for value, alike in zip(seen[figure], same, strict=True) if alike]
            for seen in (first, second)
        )
        assert flat(theirs) == pytest.approx(flat(ours), abs=1e-2)


def _by_hand(head: QualityHead, reference: dict[str, Any], tokens: int) -> tuple[float, float]:
    """The score as of a probe and as of a last token, after so many tokens."""
    row = features_after(reference, tokens)[None]
    with torch.inference_mode():
        raw = head.eval().raw(row[:, : head.hidden_size], row[:, head.hidden_size :])
        at_probe, final = head.calibrated(raw)
    return at_probe.item(), final.item()


def test_the_kernels_agree_with_tensor_operations() -> None:
    device = torch.device("cuda")
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        shapes = Shapes(vocabulary=151_936, hidden=4096, width=4, dtype=dtype)
        assert difference(device, shapes) < CLOSE
    assert type(fold_for(device, 8, Shapes())).__name__ == "DeviceFold"
