"""The head, its inputs and its files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from arrol_serve.belief import Belief
from arrol_serve.errors import HeadMismatch
from arrol_serve.quality.artifact import (
    MANIFEST,
    BaseModelFacts,
    HeadManifest,
    check_fits,
    find_head,
    load_head,
    save_head,
    slug,
)
from arrol_serve.quality.head import QualityHead
from arrol_serve.quality.statistics import STATISTICS, RunningStatistics

FACTS = {"architecture": "Qwen3ForCausalLM", "hidden_size": 6, "num_layers": 2, "vocab_size": 50}


def saved(folder: Path) -> tuple[QualityHead, HeadManifest]:
    torch.manual_seed(0)
    head = QualityHead(6, width=4)
    head.set_normalisation(torch.randn(20, 6), torch.randn(20, len(STATISTICS)))
    head.set_calibration(1.5, -0.25)
    manifest = HeadManifest(
        id="test", version="1", base_model=BaseModelFacts(name="m", **FACTS), inputs=head.inputs,
        width=4, probes=(8,),
    )  # fmt: skip
    save_head(folder, head, manifest)
    return head, manifest


def test_a_head_with_constants_of_an_earlier_rule_has_the_defaults(tmp_path: Path) -> None:
    saved(tmp_path)
    file = tmp_path / MANIFEST
    old = {**json.loads(file.read_text()), "belief": {"rivals": 0.4, "temperature": 1.1}}
    file.write_text(json.dumps(old))
    assert load_head(tmp_path)[1].belief == Belief()


def test_running_statistics_are_those_of_a_plain_loop() -> None:
    table = RunningStatistics(3, torch.device("cpu"))
    logprobs, entropies = [-0.5, -2.0, -0.1], [0.3, 0.9, 0.2]
    for logprob, entropy in zip(logprobs, entropies, strict=True):
        table.update(torch.tensor([1]), torch.tensor([logprob]), torch.tensor([entropy]))
    recent = 0.8 * (0.8 * -0.5 + 0.2 * -2.0) + 0.2 * -0.1
    expected = [-2.6, -2.6 / 3, -2.0, recent, -0.1, 1.4 / 3, 0.9, 0.2, math.log(4)]
    torch.testing.assert_close(table.features(torch.tensor([1]))[0], torch.tensor(expected))
    assert not table.features(torch.tensor([0, 2])).any()


def test_reset_forgets_one_slot() -> None:
    table = RunningStatistics(2, torch.device("cpu"))
    table.update(torch.tensor([0, 1]), torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 1.0]))
    table.reset(torch.tensor([0]))
    features = table.features(torch.tensor([0, 1]))
    assert not features[0].any()
    assert features[1].any()


def test_impossible_tokens_do_not_make_infinities() -> None:
    table = RunningStatistics(1, torch.device("cpu"))
    table.update(torch.tensor([0]), torch.tensor([-math.inf]), torch.tensor([0.0]))
    assert table.features(torch.tensor([0])).isfinite().all()


def test_calibration_is_applied_to_the_raw_logit(tmp_path: Path) -> None:
    head, _ = saved(tmp_path)
    rows, statistics = torch.randn(5, 6), torch.randn(5, len(STATISTICS))
    raw = head.raw(rows, statistics)
    torch.testing.assert_close(head(rows, statistics), 1.5 * raw - 0.25)


def test_the_last_token_has_its_own_calibration(tmp_path: Path) -> None:
    head, manifest = saved(tmp_path)
    head.set_calibration(1.5, -0.25, final=(3.0, 0.5))
    save_head(tmp_path, head, manifest)
    again, _ = load_head(tmp_path)
    raw = torch.tensor([0.0, 1.0])
    early, final = again.calibrated(raw)
    assert early.tolist() == [-0.25, 1.25]
    assert final.tolist() == [0.5, 3.5]


def test_a_head_of_before_there_were_two_calibrations_uses_its_one_for_both(tmp_path: Path) -> None:
    saved(tmp_path)
    weights = load_file(tmp_path / "head.safetensors")
    old = {name: value for name, value in weights.items() if not name.startswith("final_")}
    assert len(old) == len(weights) - 2
    save_file(old, tmp_path / "head.safetensors")
    early, final = load_head(tmp_path)[0].calibrated(torch.tensor([0.0, 1.0]))
    assert early.tolist() == final.tolist() == [-0.25, 1.25]


def test_a_head_reads_only_the_inputs_it_names() -> None:
    head = QualityHead(6, inputs=("statistics",), width=4)
    statistics = torch.randn(3, len(STATISTICS))
    first = head(torch.randn(3, 6), statistics)
    torch.testing.assert_close(first, head(torch.randn(3, 6), statistics))


def test_a_saved_head_loads_back_the_same(tmp_path: Path) -> None:
    head, manifest = saved(tmp_path)
    again, read = load_head(tmp_path)
    assert read == manifest
    rows, statistics = torch.randn(5, 6), torch.randn(5, len(STATISTICS))
    torch.testing.assert_close(again(rows, statistics), head(rows, statistics))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["head.json", "head.safetensors"]


def test_wrong_shapes_are_named(tmp_path: Path) -> None:
    saved(tmp_path)
    manifest = tmp_path / "head.json"
    manifest.write_text(manifest.read_text().replace('"width": 4', '"width": 5'))
    with pytest.raises(HeadMismatch, match="do not have the shapes"):
        load_head(tmp_path)


@pytest.mark.parametrize("fact", FACTS)
def test_a_head_for_another_model_is_refused(tmp_path: Path, fact: str) -> None:
    _, manifest = saved(tmp_path)
    check_fits(manifest, **FACTS)
    other = FACTS | {fact: "LlamaForCausalLM" if fact == "architecture" else 99}
    with pytest.raises(HeadMismatch, match=f"{fact} .*--head none"):
        check_fits(manifest, **other)


def test_heads_are_found_by_the_models_last_name(tmp_path: Path) -> None:
    saved(tmp_path / "qwen3-1.7b")
    assert find_head("Qwen/Qwen3-1.7B", tmp_path) == tmp_path / "qwen3-1.7b"
    assert find_head("Qwen/Qwen3-8B", tmp_path) is None
    assert slug("/models/My Model/") == "my-model"
