"""The command on the bundled model with the real engine."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.paths import ROOT

OPTIONS = ["--data", "arithmetic:6", "--limit", "8", "--samples", "4", "--chunk", "4"]
OPTIONS += ["--temperature", "1.75"]
METHODS = "pass@1,uniform,quality,pruned"
LIMIT_S = 120.0


def start(out: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "trainer.evaluation.cli", *OPTIONS, *words, "--out", str(out)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, error = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, error[-3000:]
    return out, error


def test_a_killed_run_goes_on_to_the_report_of_an_unbroken_one(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    records = killed / "records.jsonl"
    process = start(killed, "--methods", METHODS)
    end = time.monotonic() + LIMIT_S
    while not (records.exists() and records.stat().st_size):
        assert process.poll() is None, process.communicate()[1][-3000:]
        assert time.monotonic() < end
        time.sleep(0.02)
    process.kill()
    process.communicate()
    kept = records.read_bytes()
    finish(start(killed, "--methods", METHODS, "--k", "1,3"))
    assert records.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    table, _ = finish(start(whole, "--methods", METHODS, "--k", "3,1"))
    for name in ("report.json", "report.md", "accuracy.png", "by_k.png", "calibration.png"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    report = json.loads((whole / "report.json").read_text())
    by_k = {(row["measure"], row["k"]): row["accuracy"] for row in report["by_k"]}
    assert set(by_k) == {(name, k) for name in ("pass", "maj", "weighted") for k in (1, 3)}
    assert by_k["pass", 1] <= by_k["pass", 3]
    rows = {row["method"]: row for row in report["methods"]}
    assert list(rows) == METHODS.split(",")
    assert all(name in table for name in rows)
    assert rows["pruned"]["tokens_relative"] < 0.95
    assert 0 < rows["pass@1"]["accuracy"] < rows["uniform"]["accuracy"] + 0.3


def test_other_settings_in_the_same_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"samples": 99}')
    process = start(tmp_path, "--methods", "uniform")
    _, error = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 2
    assert "samples" in error
    assert "Traceback" not in error
