"""The planner's arithmetic, against published sizes and sums done by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arrol_serve.cli import main
from arrol_serve.errors import InvalidRequest
from arrol_serve.planner.command import plan_command
from arrol_serve.planner.estimate import Load, Setup, estimate
from arrol_serve.planner.hardware import GIB, find_gpu
from arrol_serve.planner.model_shape import read_shape
from tests.paths import MODEL

QWEN3_8B: dict[str, Any] = {
    "num_hidden_layers": 36,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 12288,
    "vocab_size": 151936,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
MIXTRAL_8X7B: dict[str, Any] = QWEN3_8B | {
    "num_hidden_layers": 32,
    "intermediate_size": 14336,
    "vocab_size": 32000,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
}
LOAD = Load(samples=16, prompt=256, output=2048, keep=0.5, probe=512)


def write(tmp_path: Path, config: dict[str, Any]) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    return path


def test_sizes_of_a_dense_model(tmp_path: Path) -> None:
    shape = read_shape(write(tmp_path, QWEN3_8B))
    assert shape.parameters == pytest.approx(8.19e9, rel=0.005)  # its model card: 8.2 B
    assert shape.kv_bytes_per_token(2, 1) == 2 * 36 * 8 * 128 * 2
    assert shape.kv_bytes_per_token(2, 4) == 2 * 36 * 8 * 128 * 2 / 4
    assert shape.kv_bytes_per_token(2, 16) == 2 * 36 * 128 * 2  # a head cannot be split


def test_sizes_of_a_mixture_of_experts(tmp_path: Path) -> None:
    shape = read_shape(write(tmp_path, MIXTRAL_8X7B))
    assert shape.parameters == pytest.approx(
        46.7e9, rel=0.005
    )  # arXiv 2401.04088: 47 B, 13 B active
    assert shape.active_parameters() == pytest.approx(12.9e9, rel=0.005)
    assert shape.parameters_read(1) == pytest.approx(shape.active_parameters())
    assert shape.parameters_read(200) == pytest.approx(shape.parameters)


def test_latent_attention_and_windows(tmp_path: Path) -> None:
    latent = read_shape(write(tmp_path, QWEN3_8B | {"kv_lora_rank": 512, "qk_rope_head_dim": 64}))
    assert latent.kv_bytes_per_token(2, 8) == 36 * 576 * 2  # every GPU holds all of it
    kinds = ["sliding_attention"] * 30 + ["full_attention"] * 6
    windows = read_shape(write(tmp_path, QWEN3_8B | {"layer_types": kinds, "sliding_window": 1024}))
    per_layer = 2 * 8 * 128 * 2
    assert windows.kv_bytes(4096, 2, 1) == per_layer * (6 * 4096 + 30 * 1024)


def test_the_bundled_model_has_the_parameters_that_its_file_holds() -> None:
    shape = read_shape(MODEL)
    assert shape.parameters * 4 == pytest.approx(
        (MODEL / "model.safetensors").stat().st_size, rel=0.01
    )


def test_a_search_in_numbers() -> None:
    assert LOAD.generated() == 16 * 512 + 8 * 1536
    assert LOAD.peak() == max(16 * 512, 8 * 2048)
    steps = [(16 if t < 512 else 8) * (t + 0.5) for t in range(2048)]
    assert LOAD.held() == pytest.approx(sum(steps) / 2048)


def test_one_h100_with_an_8b_model(tmp_path: Path) -> None:
    setup = Setup(find_gpu("h100", None, None, None), max_seqs=256)
    shape = read_shape(write(tmp_path, QWEN3_8B))
    plan = estimate(shape, LOAD, setup)
    kv = 80 * GIB * 0.92 - 2 * GIB - shape.parameters * 2
    assert plan.kv_tokens == int(kv / 147456 / 16) * 16
    assert plan.bound_by == "memory bandwidth"
    read = shape.parameters * 2 + plan.batch * (256 + LOAD.held() / LOAD.alive()) * 147456
    assert plan.step_ms == pytest.approx(read / 3.35e12 * 1000)
    assert plan.searches_per_s_expected == pytest.approx(plan.searches_per_s_bound / 2)


def test_pruning_helps_throughput_by_what_it_saves(tmp_path: Path) -> None:
    setup = Setup(find_gpu("h100", None, None, None))
    shape = read_shape(write(tmp_path, QWEN3_8B))
    whole = estimate(shape, Load(16, 256, 2048, 1.0, 512), setup)
    pruned = estimate(shape, LOAD, setup)
    assert pruned.tokens_saved_by_pruning == pytest.approx(1 - 20480 / 32768)
    assert pruned.searches_per_s_bound > whole.searches_per_s_bound


@pytest.mark.parametrize(
    ("config", "options", "says"),
    [
        (QWEN3_8B, ["--gpu", "h1000"], "choose one of"),
        (QWEN3_8B, [], "Name a --gpu"),
        (QWEN3_8B, ["--gpu", "h100", "--samples", "0"], "--samples must be"),
        (QWEN3_8B, ["--gpu", "h100", "--keep", "nan"], "--keep must be"),
        (QWEN3_8B, ["--gpu", "l4", "--memory-gib", "12"], "no room for KV cache"),
        (QWEN3_8B, ["--gpu", "l4", "--samples", "256", "--output", "30000"], "One search needs"),
        (QWEN3_8B | {"hidden_size": None}, ["--gpu", "h100"], "hidden_size"),
        (QWEN3_8B | {"layer_types": ["linear_attention"]}, ["--gpu", "h100"], "does not cover"),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path, config: dict[str, Any], options: list[str], says: str
) -> None:
    with pytest.raises(InvalidRequest, match=says):
        plan_command([str(write(tmp_path, config)), *options])


def test_the_command_prints_a_table_or_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write(tmp_path, QWEN3_8B))
    main(["plan", path, "--gpu", "h100", "--keep", "0.5"])
    assert "bound by memory bandwidth" in capsys.readouterr().out
    main(["plan", path, "--gpu", "h100", "--gpus", "2", "--json"])
    body = json.loads(capsys.readouterr().out)
    assert body["plan"]["kv_bytes_per_token"] == 73728
    with pytest.raises(SystemExit, match="2"):
        main(["plan", str(tmp_path / "nowhere"), "--gpu", "h100"])
