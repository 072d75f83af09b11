"""``ArrolGRPOTrainer`` on the real TRL, which comes into a folder of its own, with the real engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.trl.package import install
from tests.paths import ROOT
from tests.trainer.integrations.trl_names import GROUP, PROMPTS, STEPS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trl") / "package"
    install(folder)
    return folder


def program(package: Path, *words: str) -> str:
    paths = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep), str(package)]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def told(package: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("run")
    said = program(package, "-m", "tests.trainer.integrations.trl_run", str(out))
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def test_pruned_rows_are_neither_graded_nor_passed_through_the_model(told: dict[str, Any]) -> None:
    every = PROMPTS * GROUP
    first, *later = told["graded"]
    assert first == every  # nothing is pruned while the head knows nothing
    assert all(0.3 * every < count < 0.85 * every for count in later)
    scored = [rows for scoring, rows, _ in told["passes"] if scoring]
    trained = [rows for scoring, rows, _ in told["passes"] if not scoring]
    assert scored == trained == told["graded"]


def test_dropping_rows_changes_no_loss(told: dict[str, Any]) -> None:
    assert len(told["losses"]) == STEPS
    for whole, some in told["losses"]:
        assert some == pytest.approx(whole, rel=1e-4, abs=1e-6)


def test_it_trains_logs_and_keeps_what_it_has_learned(told: dict[str, Any]) -> None:
    assert told["moved"]
    assert [row["arrol/kept"] for row in told["log"]] == [
        count / (PROMPTS * GROUP) for count in told["graded"]
    ]
    assert told["rounds"] == STEPS
    assert told["resumed"] == [STEPS, STEPS]


def test_what_it_cannot_do_is_refused(told: dict[str, Any]) -> None:
    says = {
        "server": "vllm_mode='colocate'",
        "plain": "use_vllm=True",
        "penalty": "repetition_penalty=1.1",
        "short": "beyond the probe at 12",
        "tools": "leave tools out",
        "prune": "Unknown key prune.kep: did you mean prune.keep?",
        "share": "prune.keep: Input should be less than or equal to 1",
    }
    assert told["refused"].keys() == says.keys()
    for name, part in says.items():
        assert part in told["refused"][name]


def test_the_example_runs(package: Path, tmp_path: Path) -> None:
    said = program(package, "examples/trl/train.py", str(tmp_path))
    assert "arrol/kept" in said
    assert list(tmp_path.glob("checkpoint-*/arrol.pt"))
