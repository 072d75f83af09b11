"""Every part that a GPU would run, on a tiny shape: a loan of ten minutes is no time to find out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.gpu.__main__ import main
from benchmarks.gpu.models import SHAPES, Shape
from benchmarks.gpu.parts import TESTS
from tests.paths import ROOT

pytestmark = pytest.mark.timeout(900)


def parameters(shape: Shape) -> int:
    attention = shape.hidden * shape.head_dim * (2 * shape.heads + 2 * shape.kv_heads)
    layer = attention + 3 * shape.hidden * shape.inner
    return shape.layers * layer + (1 if shape.tied else 2) * shape.vocabulary * shape.hidden


@pytest.mark.parametrize(
    ("name", "billions"), [("llama-3.2-1b", 1.24), ("qwen3-1.7b", 1.72), ("qwen3-8b", 8.19)]
)
def test_shapes_are_as_large_as_the_models(name: str, billions: float) -> None:
    assert parameters(SHAPES[name]) == pytest.approx(billions * 1e9, rel=0.01)


def test_the_tests_of_a_loan_are_there() -> None:
    assert [place for place in TESTS if not (ROOT / place).exists()] == []


def rows(folder: Path, part: str) -> list[dict[str, float]]:
    found: list[dict[str, float]] = json.loads((folder / f"gpu_{part}_tiny.json").read_text())[
        "rows"
    ]
    return found


@pytest.mark.slow
def test_all_parts_run_and_are_not_run_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    words = ["--work", str(tmp_path), "--results", str(results), "--parts"]
    words += ["throughput", "pruning", "training"]
    main(words)
    arms = [row["arm"] for row in rows(results, "throughput")]
    assert len(arms) == 6
    assert all(row["tokens_per_second"] > 0 for row in rows(results, "throughput"))
    assert all(row["peak_mib"] > 0 for row in rows(results, "throughput"))
    assert all(0.5 < row["tokens_relative"] < 0.8 for row in rows(results, "pruning"))
    pruned = {row["mode"]: row["tokens_generated"] for row in rows(results, "training")}
    assert pruned["arrol"] < pruned["none"]
    capsys.readouterr()
    main(words)
    assert capsys.readouterr().out.count("done before") == 3
