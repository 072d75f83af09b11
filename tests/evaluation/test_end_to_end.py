"""The command on the bundled model with the real engine."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from arrol_serve.bundled import HEADS, MODEL_NAME
from arrol_serve.quality.artifact import load_head, save_head
from tests.paths import ROOT
from tests.warm.command import PYTHON, kill_once_there, run
from trainer.evaluation.cli import main
from trainer.samples.kept import read_groups

OPTIONS = ["--data", "arithmetic:6,arithmetic:5", "--limit", "4", "--samples", "4", "--chunk", "4"]
OPTIONS += ["--temperature", "1.75"]
METHODS = "pass@1,uniform,quality,pruned,deepconf-online-90"
LIMIT_S = 420.0
pytestmark = pytest.mark.timeout(900)


def command(out: Path, *words: str) -> list[str]:
    return [*PYTHON, "trainer.evaluation.cli", *OPTIONS, *words, "--out", str(out)]


def finish(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_a_killed_run_goes_on_to_the_report_of_an_unbroken_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    records = killed / "records.jsonl"
    kill_once_there(command(killed, "--methods", METHODS), records, LIMIT_S)
    kept = records.read_bytes()
    finish(run(command(killed, "--methods", METHODS, "--k", "1,3"), LIMIT_S))
    assert records.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    words = command(whole, "--methods", METHODS, "--k", "3,1")
    unbroken = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    table = finish(unbroken)  # by a Python of its own
    for name in ("report.json", "report.md", "accuracy.png", "by_k.png", "calibration.png"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    replies = [read_groups(folder / "replies.jsonl.gz") for folder in (killed, whole)]
    assert len(replies[1]) == 8 * 3  # questions, arms that were sampled
    assert sorted(replies[0], key=str) == sorted(replies[1], key=str)
    assert main(["show", str(whole), "--part", "pruned"]) == 0
    told = capsys.readouterr().out
    assert f"8 groups with search and filters: {whole / 'samples.html'}" in told
    assert "pruned, 32 tokens" in told
    report = json.loads((whole / "report.json").read_text())
    by_k = {(row["measure"], row["k"]): row["accuracy"] for row in report["by_k"]}
    assert set(by_k) == {(name, k) for name in ("pass", "maj", "weighted") for k in (1, 3)}
    assert by_k["pass", 1] <= by_k["pass", 3]
    rows = {row["method"]: row for row in report["methods"]}
    assert list(rows) == METHODS.split(",")
    assert all(name in table for name in rows)
    assert "| arithmetic:6 (4) | arithmetic:5 (4) | all |" in table
    assert set(json.loads((whole / "timing.json").read_text())["sampling_seconds"]) == {
        "unpruned",
        "pruned",
        "deepconf-online-90",
    }
    assert rows["pruned"]["tokens_relative"] < 0.95
    assert 0 < rows["pass@1"]["accuracy"] < rows["uniform"]["accuracy"] + 0.3
    for row in rows.values():
        parts = [body["methods"][row["method"]]["accuracy"] for body in report["sets"].values()]
        assert sum(parts) / 2 == pytest.approx(row["accuracy"])


def test_the_engine_has_room_for_one_long_question(tmp_path: Path) -> None:
    path = ask(tmp_path, "1+" * 200 + "1")
    words = ["--data", str(path), "--max-tokens", "16", "--methods", "uniform,quality"]
    finish(run(command(tmp_path / "run", *words), LIMIT_S))
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert [question["id"] for question in report["questions"]] == ["questions/1"]
    assert report["methods"][0]["tokens_per_question"] <= 4 * 16


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "start with a context of .*questions.jsonl line 1 has .*1024"),
        (
            ["--max-model-len", "300"],
            "--max-model-len 300 is too short: questions.jsonl line 1 has",
        ),
        (["--head", "{other}"], "hidden_size 64.*the served model has hidden_size 128"),
    ],
)
def test_what_the_engine_cannot_take_is_named(
    tmp_path: Path, words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ask(tmp_path, "1+" * 700 + "1" if words[:1] != ["--head"] else "1+1")
    head, manifest = load_head(HEADS / MODEL_NAME)
    facts = manifest.base_model.model_copy(update={"hidden_size": 64})
    save_head(tmp_path / "other", head, manifest.model_copy(update={"base_model": facts}))
    words = [word.format(other=tmp_path / "other") for word in words]
    assert main([*OPTIONS, *words, "--data", str(path), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert re.search(why, said)
    assert not (tmp_path / "run" / "records.jsonl").exists()


def ask(folder: Path, terms: str) -> Path:
    path = folder / "questions.jsonl"
    path.write_text(json.dumps({"question": f"What is {terms}?", "answer": "2"}) + "\n")
    return path


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "samples"),  # the folder holds another run
        (["--samples", "0"], "--samples 0: it must be a number from 1"),
        (["--temperature", "nan"], "--temperature nan"),
        (["--keep", "0"], "--keep"),
        (["--answer", "regex:("], "--answer regex:("),
        (["--model", "nowhere"], "--model nowhere is not a folder"),
        (["--head", "nowhere"], "--head nowhere is not a folder with a quality head"),
        (
            ["--limit", "3", "--samples", "99"],
            "questions (--data, --limit, or what the file holds)",
        ),
        (["--methods", "uniform,best-of-all"], "no method 'best-of-all'"),
        (["--data", "none.jsonl"], "none.jsonl cannot be read"),
        (["--out", __file__], "is a file. Name another folder"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    tmp_path: Path, words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "settings.json").write_text('{"samples": 99}')
    (tmp_path / "records.jsonl").write_text("{}")
    assert main([*OPTIONS, "--out", str(tmp_path), *words]) == 2
    assert why in capsys.readouterr().err
