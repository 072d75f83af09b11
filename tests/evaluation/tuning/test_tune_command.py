"""``arrol-eval tune`` on the bundled model, whole, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from arrol_serve.bundled import HEADS, MODEL_NAME
from arrol_serve.presets import load_presets
from arrol_serve.quality.artifact import load_manifest
from tests.evaluation.tuning.replay_cases import plan_of
from tests.paths import MODEL, ROOT
from tests.warm.command import PYTHON, kill_once_there, run
from trainer.evaluation.cli import main

LIMIT_S = 400.0
pytestmark = pytest.mark.timeout(900)
WORDS = ["--data", "arithmetic:6", "--limit", "20", "--samples", "8", "--temperature", "1.75"]
WORDS += ["--policies", "40"]


def tune(out: Path, *words: str) -> list[str]:
    return [*PYTHON, "trainer.evaluation.cli", "tune", *WORDS, *words, "--out", str(out)]


def finish(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_a_tuning_that_was_killed_goes_on_and_ends_with_presets(tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    kill_once_there(tune(tmp_path), records, LIMIT_S)
    kept = records.read_bytes()
    said = finish(run(tune(tmp_path), LIMIT_S))
    assert records.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    assert len(records.read_text().splitlines()) == 20
    found = json.loads((tmp_path / "tune.json").read_text())
    assert (found["chosen_on"], found["reported_on"]) == (10, 10)
    assert found["live"].keys() == found["presets"].keys() == {"fast", "balanced", "best"}
    for row in found["live"].values():
        assert row["same_outcome"] >= 0.9
        assert abs(row["tokens_against_replay"]) < 0.1
    assert found["presets"]["best"]["tokens_relative"] < 1.5
    assert found["engine"].keys() >= {"step", "token", "start"}
    assert min(found["engine"].values()) >= 0
    assert found["presets"]["fast"]["busy_relative"] > 0
    assert "| really run |" in said
    assert (tmp_path / "report.md").read_text() in said
    assert (tmp_path / "tune.png").stat().st_size > 5000
    check_presets(tmp_path / "presets.json")
    # The pass is kept: a second choice needs no engine, and comes to the same.
    no_engine = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "nonsense"}
    words = tune(tmp_path, "--no-run")
    done = subprocess.run(words, env=no_engine, cwd=ROOT, capture_output=True, text=True)
    finish(done)  # by a Python of its own
    again = json.loads((tmp_path / "tune.json").read_text())
    assert again["presets"] == found["presets"]
    assert again["live"] == {}
    (tmp_path / "engine.json").write_text('{"step": "long"}')
    refused = run(tune(tmp_path, "--no-run"), LIMIT_S)
    assert refused.returncode == 2
    assert "engine.json is corrupted; delete it" in refused.stderr
    assert "Traceback" not in refused.stderr


def check_presets(path: Path) -> None:
    """The server takes the file, and every preset in it is a plan."""
    manifest = load_manifest(HEADS / MODEL_NAME)
    presets = load_presets(path, head=(manifest.id, manifest.version))
    for body in presets.values():
        assert plan_of(body).samples <= 8
    made = json.loads(path.read_text())
    assert made["model"]["id"] == MODEL_NAME
    assert made["provenance"]["settings"]["temperature"] == 1.75


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--model", str(MODEL)], "--head: a search is tuned for a quality head"),
        (["--samples", "3"], "--samples 3: at least 4"),
        (["--policies", "0"], "--policies 0: at least 1"),
        (["--at-once", "0"], "--at-once 0: at least 1"),
        (["--limit", "19"], "19 questions with a usable gold answer: a tuning needs at least 20"),
        (["--temperature", "0"], "--temperature 0 gives the same reply every time"),
        (["--head", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_tuned_is_refused_at_once(
    tmp_path: Path, words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", *WORDS, *words, "--out", str(tmp_path)]) == 2
    assert why in capsys.readouterr().err
