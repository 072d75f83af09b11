"""``arrol-train head`` on the bundled model, whole, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from arrol_serve.quality.artifact import load_head
from arrol_serve.quality.head import QualityHead
from tests.paths import ROOT
from trainer.head_data import HeadData
from trainer.saving import saving_table

SMALL = "--questions 40 --samples 6 --levels 5 --temperature 1.8 --max-tokens 128 --positions 16 32"


def head(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainer.cli", "head", *words]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )


def test_a_head_is_made_reported_and_made_again_from_the_same_rollouts(tmp_path: Path) -> None:
    words = [*SMALL.split(), "--work", str(tmp_path / "work")]
    first = head(*words, "--out", str(tmp_path / "one"))
    assert first.returncode == 0, first.stderr[-3000:]
    _, manifest = load_head(tmp_path / "one")
    assert manifest.probes == (16,)
    final = manifest.metrics["final"]
    assert final["auc_within_group_low"] <= final["auc_within_group"]
    report = json.loads((tmp_path / "one" / "ablation.json").read_text())
    assert {row["probe"] for row in report["saving"]} == {16, 32}
    assert all(0 < row["tokens"] < 1 for row in report["saving"])
    for name in ("README.md", "auc.png", "reliability.png", "saving.png"):
        assert (tmp_path / "one" / name).stat().st_size > 500
    shards = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").glob("*.npz")}
    assert shards
    second = head(*words, "--out", str(tmp_path / "two"))
    assert second.returncode == 0, second.stderr[-3000:]
    assert shards == {path: path.stat().st_mtime_ns for path in (tmp_path / "work").glob("*.npz")}
    weights = [(tmp_path / out / "head.safetensors").read_bytes() for out in ("one", "two")]
    assert weights[0] == weights[1]
    other = head(*words, "--seed", "5", "--out", str(tmp_path / "three"))
    assert other.returncode != 0
    assert "another folder with --work" in other.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--positions 300 --max-tokens 200", "below --max-tokens"),
        ("--positions 32 16", "rising order"),
        ("--positions 32 --probe 33", "--probe 33"),
        ("--data nowhere.jsonl", "cannot be read"),
        ("--model nowhere", "config.json"),
        ("--temperature 0", "must differ"),
        ("--samples 1", "at least 2"),
    ],
)
def test_what_cannot_work_is_refused_before_the_engine_starts(words: str, says: str) -> None:
    done = head(*words.split())
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_saving_on_worked_numbers() -> None:
    """One question, four rollouts of 10 tokens, judged at 4 by a head that reads one column."""
    scores = np.array([3.0, 1.0, 2.0, 0.0])
    right = np.array([True, False, True, False])
    data = HeadData(
        features=np.concatenate([_features(scores), _features(scores)]),
        correct=np.tile(right, 2),
        group=np.zeros(8, np.int32),
        rollout=np.tile(np.arange(4, dtype=np.int32), 2),
        tokens=np.array([4] * 4 + [10] * 4, dtype=np.int32),
        final=np.array([False] * 4 + [True] * 4),
    )
    rows = {row["keep"]: row for row in saving_table(_reader(), data, 1, (4,))}
    half = rows[0.5]
    assert half["tokens"] == pytest.approx((2 * 10 + 2 * 4) / 40)
    assert half["right"] == 1.0
    assert half["right_unpruned"] == 0.5
    assert half["solvable"] == 1.0
    assert rows[0.25]["tokens"] == pytest.approx((10 + 3 * 4) / 40)


def _features(scores: np.ndarray) -> np.ndarray:
    statistics = np.zeros((len(scores), 9))
    return np.concatenate([scores[:, None], statistics], axis=1).astype(np.float32)


def _reader() -> QualityHead:
    head = QualityHead(1, inputs=("hidden",), width=1)
    for parameter in head.parameters():
        parameter.data.fill_(1.0)
    return head.eval()
