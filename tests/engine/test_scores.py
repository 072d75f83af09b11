"""The worker's scores against the same numbers computed outside the engine."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from arrol_serve.quality.artifact import load_head, save_head
from arrol_serve.quality.statistics import LOWEST, STATISTICS
from tests.engine.groups import ask
from tests.paths import HEAD, MODEL

QUESTION = "What is 48*37-29+5-61?"
RECORDED = (5, 20)


def offline(engine: Any, text_ids: list[int], prompt_ids: list[int]) -> dict[str, Any]:
    """Hidden states, log-probabilities and entropies of a rollout by transformers, float32."""
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    ids = torch.tensor([prompt_ids + text_ids])
    with torch.inference_mode():
        hidden = model.model(input_ids=ids).last_hidden_state[0]
        logprobs = torch.log_softmax(model.lm_head(hidden), dim=-1)
    start = len(prompt_ids) - 1  # the row that sampled the first token
    rows = slice(start, start + len(text_ids))
    sampled = logprobs[rows].gather(1, torch.tensor(text_ids)[:, None]).squeeze(1)
    return {
        "hidden": hidden[rows],
        "logprobs": sampled,
        "entropy": torch.special.entr(logprobs[rows].exp()).sum(-1),
        "top": logprobs[rows].topk(20, dim=-1).values.mean(-1),
    }


def features_after(reference: dict[str, Any], tokens: int) -> torch.Tensor:
    """What the head should have seen after ``tokens`` tokens, statistics by a plain loop."""
    logprobs = reference["logprobs"][:tokens].clamp(min=LOWEST).tolist()
    entropies = reference["entropy"][:tokens].tolist()
    recent = logprobs[0]
    for value in logprobs[1:]:
        recent = 0.8 * recent + 0.2 * value
    statistics = {
        "logprob_sum": sum(logprobs),
        "logprob_mean": sum(logprobs) / tokens,
        "logprob_min": min(logprobs),
        "logprob_recent": recent,
        "logprob_last": logprobs[-1],
        "entropy_mean": sum(entropies) / tokens,
        "entropy_max": max(entropies),
        "entropy_last": entropies[-1],
        "log_tokens": math.log1p(tokens),
    }
    row = torch.tensor([statistics[name] for name in STATISTICS])
    return torch.cat([reference["hidden"][tokens - 1], row])


@pytest.fixture(scope="module")
def recorded(engine: Any) -> dict[str, Any]:
    engine.collective_rpc("arrol_take_features")
    (group,) = ask(engine, QUESTION, size=2, record=RECORDED, probes=(20,), seed=4)
    (record,) = engine.collective_rpc("arrol_take_features")
    tokenizer = engine.get_tokenizer()
    prompt = tokenizer.encode(
        tokenizer.apply_chat_template(
            [{"role": "user", "content": QUESTION}], tokenize=False, add_generation_prompt=True
        )
    )
    rollout = group[0]
    ids = list(rollout.token_ids)
    return {"rollout": rollout, "record": record, "reference": offline(engine, ids, prompt)}


@pytest.mark.parametrize("tokens", RECORDED)
def test_recorded_features_are_those_of_transformers(recorded: Any, tokens: int) -> None:
    record = recorded["record"]
    at = [i for i, n in enumerate(record.tokens) if n == tokens and record.indices[i] == 0]
    expected = features_after(recorded["reference"], tokens)
    torch.testing.assert_close(record.features[at[0]], expected, rtol=2e-3, atol=2e-3)


def test_final_features_are_those_of_the_last_token(recorded: Any) -> None:
    record, rollout = recorded["record"], recorded["rollout"]
    at = [i for i, n in enumerate(record.tokens) if record.indices[i] == 0][-1]
    assert record.tokens[at] == rollout.token_count
    expected = features_after(recorded["reference"], rollout.token_count)
    torch.testing.assert_close(record.features[at], expected, rtol=2e-3, atol=2e-3)


def test_reported_quality_is_the_heads_output(recorded: Any) -> None:
    head, _ = load_head(HEAD)
    rollout = recorded["rollout"]
    row = features_after(recorded["reference"], rollout.token_count)[None]
    with torch.inference_mode():
        expected = head.eval()(row[:, : head.hidden_size], row[:, head.hidden_size :]).item()
    assert rollout.report["quality"] == pytest.approx(expected, abs=0.02)


def test_the_probe_sees_the_heads_output_of_its_token(recorded: Any) -> None:
    head, _ = load_head(HEAD)
    row = features_after(recorded["reference"], 20)[None]
    with torch.inference_mode():
        expected = head.eval()(row[:, : head.hidden_size], row[:, head.hidden_size :]).item()
    (probe,) = recorded["rollout"].report["probes"]
    assert probe[0] == 20
    assert probe[1] == pytest.approx(expected, abs=0.02)


def test_confidence_is_the_mean_top_20_log_probability(recorded: Any) -> None:
    expected = -recorded["reference"]["top"].mean().item()
    assert recorded["rollout"].report["confidence"] == pytest.approx(expected, rel=1e-3)


def test_last_tokens_are_neither_scored_nor_recorded_where_they_are_not_asked_for(
    engine: Any,
) -> None:
    found = []
    for to_end in (True, False):
        (group,) = ask(
            engine, QUESTION, size=4, record=RECORDED, probes=(20,), seed=4, to_end=to_end
        )
        (record,) = engine.collective_rpc("arrol_take_features")
        rows = {(i, n): row.tolist() for _, i, n, row in record.rows() if n in RECORDED}
        found.append((group, rows, set(record.tokens)))
    (whole, rows, tokens), (cut, same_rows, fewer) = found
    assert [r.text for r in cut] == [r.text for r in whole]
    assert [r.report["probes"] for r in cut] == [r.report["probes"] for r in whole]
    assert {r.report["quality"] for r in cut} == {r.report["confidence"] for r in cut} == {None}
    assert None not in {r.report["quality"] for r in whole}
    assert same_rows == rows
    assert fewer == set(RECORDED) < tokens


def test_a_request_without_signals_is_not_scored(engine: Any) -> None:
    (group,) = ask(engine, QUESTION, size=2, signals=())
    assert [r.report["quality"] for r in group] == [None, None]


def test_a_head_is_swapped_between_requests_and_scores_are_tagged(
    engine: Any, tmp_path: Path
) -> None:
    other = shutil.copytree(HEAD, tmp_path / "other")
    (before,) = ask(engine, QUESTION, size=2, seed=4)
    assert engine.collective_rpc("arrol_load_head", args=(str(other), "next")) == ["next"]
    (after,) = ask(engine, QUESTION, size=2, seed=4)
    (was,) = {r.report["head_version"] for r in before}
    assert {r.report["head_version"] for r in after} == {"next"}
    assert [r.report["quality"] for r in before] == [r.report["quality"] for r in after]
    engine.collective_rpc("arrol_load_head", args=(str(HEAD), was))


def test_the_reported_quality_is_calibrated_for_the_last_token(engine: Any, tmp_path: Path) -> None:
    head, manifest = load_head(HEAD)
    scale, shift = float(head.scale), float(head.shift)
    head.set_calibration(scale, shift, final=(2 * scale, 2 * shift + 1))
    save_head(tmp_path, head, manifest)
    plan: dict[str, Any] = {"probes": (20,), "policy": ("top_fraction", 0.5), "size": 4, "seed": 4}
    (before,) = ask(engine, QUESTION, **plan)
    engine.collective_rpc("arrol_load_head", args=(str(tmp_path), "next"))
    (after,) = ask(engine, QUESTION, **plan)
    engine.collective_rpc("arrol_load_head", args=(str(HEAD), manifest.version))
    assert [r.stop_reason for r in before] == [r.stop_reason for r in after]
    for was, now in zip(before, after, strict=True):
        quality, pruned = was.report["quality"], was.stop_reason == "arrol_pruned"
        expected = quality if pruned else 2 * quality + 1
        assert now.report["quality"] == pytest.approx(expected, abs=1e-3)
        assert now.report["probes"] == was.report["probes"]
    assert {r.stop_reason for r in after} >= {"arrol_pruned"}


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("missing", "There is no head in"),
        ("corrupt", "missing or corrupt"),
        ("other model", "was made for"),
        ("bad json", "not a valid head manifest"),
    ],
)
def test_a_bad_head_is_refused_and_the_old_one_stays(
    engine: Any, tmp_path: Path, damage: str, says: str
) -> None:
    folder = shutil.copytree(HEAD, tmp_path / "head")
    manifest = folder / "head.json"
    if damage == "missing":
        manifest.unlink()
    elif damage == "corrupt":
        (folder / "head.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not a header!!!!")
    elif damage == "other model":
        text = manifest.read_text()
        manifest.write_text(text.replace('"num_layers": 8', '"num_layers": 36'))
    else:
        manifest.write_text("{}")
    (status,) = engine.collective_rpc("arrol_status")
    with pytest.raises(ValueError, match=says):
        engine.collective_rpc("arrol_load_head", args=(str(folder),))
    assert engine.collective_rpc("arrol_status") == [status]
