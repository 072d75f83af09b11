"""``arrol-train head`` on the bundled model, whole, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from arrol_serve.belief import Belief
from arrol_serve.engine.plugin.recording import FeatureRecord
from arrol_serve.quality.artifact import HeadManifest, load_head
from arrol_serve.quality.head import QualityHead
from tests.paths import MODEL, ROOT
from tests.warm.command import PYTHON, kill_once_there, run
from trainer.errors import BrokenShard
from trainer.head.data import HeadData
from trainer.head.recompute import Recomputer
from trainer.head.rollout_files import load_rollouts

SMALL = "--questions 40 --samples 6 --levels 5 --temperature 1.8 --max-tokens 128 --positions 16 32"


LIMIT_S = 200


def command(*words: str) -> list[str]:
    return [*PYTHON, "trainer.cli", "head", *words]


def head(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(command(*words), LIMIT_S, os.environ | environment)


def weights(folder: Path) -> bytes:
    return (folder / "head.safetensors").read_bytes()


def ends(path: Path) -> list[tuple[object, ...]]:
    every = [rollout for group in load_rollouts(path, 6) for rollout in group]
    return [(r.group, r.index, r.token_ids, r.finish_reason, r.stop_reason) for r in every]


def flat_metrics(loaded: tuple[QualityHead, HeadManifest]) -> dict[str, float]:
    _, manifest = loaded
    return {f"{place} {k}": v for place, row in manifest.metrics.items() for k, v in row.items()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a head in ``one`` and its rollouts in ``work``; by a Python of its own."""
    folder = tmp_path_factory.mktemp("made")
    words = command(*SMALL.split(), "--work", str(folder / "work"), "--out", str(folder / "one"))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_a_head_is_made_and_reported(made: Path) -> None:
    _, manifest = load_head(made / "one")
    assert manifest.probes == (16,)
    final = manifest.metrics["final"]
    assert final["auc_within_group_low"] <= final["auc_within_group"]
    report = json.loads((made / "one" / "ablation.json").read_text())
    assert {row["probe"] for row in report["saving"]} == {16, 32}
    assert all(0 < row["tokens"] < 1 for row in report["saving"])
    for name in ("README.md", "auc.png", "reliability.png", "saving.png", "answers.png"):
        assert (made / "one" / name).stat().st_size > 500
    assert manifest.belief == Belief()  # 6 calibration questions are too few for more
    by_size = report["answers"]["by_size"]
    assert set(by_size) == {"1", "2", "3", "4", "6"}
    assert all(0 <= row["ece"] <= 1 for row in by_size.values())
    assert (
        "| rollouts | questions | P, mean | right | ECE |"
        in (made / "one" / "README.md").read_text()
    )


def test_asynchronous_scheduling_gives_the_same_head(made: Path, tmp_path: Path) -> None:
    """Its recorded last tokens too, which are there while the step after them is under way."""
    words = [*SMALL.split(), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "two")]
    lagging = [sys.executable, "-m", "tests.trainer.head.lagging_head", *words]
    done = subprocess.run(lagging, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "two steps under way" in done.stderr
    for path in sorted((made / "work").glob("*.jsonl")):
        assert ends(tmp_path / "work" / path.name) == ends(path)
    for path in sorted((made / "work").glob("*.npz")):
        ours, theirs = HeadData.load(path), HeadData.load(tmp_path / "work" / path.name)
        assert 0 < ours.final.sum() < len(ours.final)
        for field in ("correct", "group", "rollout", "tokens", "final"):
            assert (getattr(ours, field) == getattr(theirs, field)).all(), field
        assert np.abs(ours.features - theirs.features).max() < 1e-4
    one, two = (load_head(folder) for folder in (made / "one", tmp_path / "two"))
    assert flat_metrics(two) == pytest.approx(flat_metrics(one), abs=1e-3)


def test_a_head_is_judged_on_other_questions_in_its_card(made: Path, tmp_path: Path) -> None:
    """Here on kept rollouts, so that no engine starts; a second time in place of the first."""
    there = shutil.copytree(made / "one", tmp_path / "one")
    words = [*SMALL.split(), "--work", str(made / "work"), "--judge", str(there)]
    for _ in range(2):
        done = head(*words, VLLM_CPU_KVCACHE_SPACE="nonsense")
        assert done.returncode == 0, done.stderr[-3000:]
    assert weights(there) == weights(made / "one")
    (told,) = json.loads((there / "elsewhere.json").read_text())
    assert told["questions"] == 40
    assert 5 < told["mixed"] < 40
    final = told["table"]["final"]
    assert final["auc_within_group_low"] < final["auc_within_group"] < 1
    before, after = (made / "one" / "README.md").read_text(), (there / "README.md").read_text()
    assert after.startswith(before.rstrip())
    assert after.count("arithmetic of levels 5 at temperature 1.8**: 40 questions x 6") == 1
    assert f"| final | {final['rollouts']} | {final['base_rate']:.2f} |" in after
    for wrong, says in (("--out x", "--judge makes no head"), ("--judge x", "no head.json")):
        refused = head(*words, *wrong.split())
        assert refused.returncode == 1
        assert says in refused.stderr


def test_a_majority_takes_the_place_of_golds(made: Path, tmp_path: Path) -> None:
    """Half of the questions have a gold, which judges the labels and is not fitted on."""
    numbers = product((127, 348, 591, 806), (3, 7, 9), (14, 52, 77, 95))
    lines: list[dict[str, object]] = [
        {"question": f"What is {a}*{b}-{c}?"} | ({"answer": a * b - c} if i % 2 else {})
        for i, (a, b, c) in enumerate(numbers)
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in [*lines, {"text": "no question"}]))
    words = [
        *["--questions", "60", "--samples", "8", "--temperature", "1.4", "--max-tokens", "128"]
    ]
    words += ["--data", str(path), "--positions", "16", "32", "--labels", "majority"]
    done = head(*words, "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "line 49: no text in the field 'question'" in done.stderr
    _, manifest = load_head(tmp_path / "out")
    labels = manifest.provenance["labels"]
    assert (labels["by"], labels["questions"], labels["golds"]) == ("majority", 48, 24)
    assert 20 <= labels["labelled"] <= 48
    assert labels["labels_right"] > 0.6
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"{labels['labelled']} of 48 questions have one" in card
    few = [*SMALL.split(), "--work", str(made / "work"), "--labels", "majority"]
    refused = head(*few, "--out", str(tmp_path / "few"), VLLM_CPU_KVCACHE_SPACE="nonsense")
    assert refused.returncode != 0
    assert "of 40 questions have a confident majority; a head needs 20" in refused.stderr


def test_kept_rollouts_give_the_same_head_without_an_engine(made: Path, tmp_path: Path) -> None:
    shards = {path: path.stat().st_mtime_ns for path in (made / "work").glob("*.npz")}
    assert len(shards) == 2
    words = [*SMALL.split(), "--work", str(made / "work")]
    again = head(
        *words, "--layers", "4", "--out", str(tmp_path / "two"), VLLM_CPU_KVCACHE_SPACE="nonsense"
    )
    assert again.returncode == 0, again.stderr[-3000:]
    assert shards == {path: path.stat().st_mtime_ns for path in (made / "work").glob("*.npz")}
    assert weights(tmp_path / "two") == weights(made / "one")
    compared = json.loads((tmp_path / "two" / "ablation.json").read_text())["inputs"]
    beside = "hidden, layer 4 and statistics"
    assert compared.keys() >= {"layer 4 only", "layer 4 and statistics", beside, "hidden only"}
    assert compared["layer 4 only"]["16"]["rollouts"] == compared["hidden only"]["16"]["rollouts"]
    assert compared["layer 4 only"]["16"]["auc"] != compared["hidden only"]["16"]["auc"]
    other = head(*words, "--seed", "5", "--out", str(tmp_path / "three"))
    assert other.returncode != 0
    assert "another folder with --work" in other.stderr


def test_killed_and_with_a_broken_shard_it_ends_as_an_unbroken_run(
    made: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    words = [*SMALL.split(), "--work", str(work), "--out", str(tmp_path / "late")]
    kill_once_there(command(*words), work / "000000.npz", LIMIT_S)
    assert not (tmp_path / "late").exists()
    shard = work / "000000.npz"
    shard.write_bytes(shard.read_bytes()[:-1000])
    done = head(*words)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"{shard} is not whole" in done.stderr
    assert weights(tmp_path / "late") == weights(made / "one")


def test_recomputed_inputs_are_those_that_the_engine_recorded(made: Path) -> None:
    positions, record = (16, 32), FeatureRecord()
    compute = Recomputer(MODEL).features
    for group in load_rollouts(made / "work" / "000000.jsonl", 6)[:4]:
        found = compute(group, positions)
        for row in zip(found.groups, found.indices, found.tokens, found.features, strict=True):
            record.add(*row)
    recorded = HeadData.load(made / "work" / "000000.npz")
    recorded = recorded.where(recorded.group < 4)
    places = zip(
        recorded.group.tolist(), recorded.rollout.tolist(), recorded.tokens.tolist(), strict=True
    )
    keys = zip(map(int, record.groups), record.indices, record.tokens, strict=True)
    theirs = dict(zip(keys, record.features, strict=True))
    assert list(theirs) == list(places)
    gap = np.abs(np.stack([row.numpy() for row in theirs.values()]) - recorded.features)
    assert gap.max() < 2e-3


def test_a_rollout_file_that_is_not_whole_is_named(made: Path, tmp_path: Path) -> None:
    whole = (made / "work" / "000000.jsonl").read_text()
    path = tmp_path / "000000.jsonl"
    for broken in ("", whole[:-50], whole.split("\n", 1)[1], "{}\n"):
        path.write_text(broken)
        with pytest.raises(BrokenShard, match=r"000000\.jsonl is not whole"):
            load_rollouts(path, 6)


def test_golds_that_cannot_be_parsed_are_named_and_too_few_others_refused(tmp_path: Path) -> None:
    rows = [{"question": f"What is {i}+1?", "answer": "" if i == 3 else str(i)} for i in range(30)]
    rows[3]["answer"] = "\\frac{1}{"
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[:4]))
    places = ("--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"))
    done = head("--data", str(path), *places)
    assert done.returncode == 1
    assert "What is 3+1?" in done.stderr
    assert "3 usable questions are too few" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--positions 300 --max-tokens 200", "below --max-tokens"),
        ("--positions 32 16", "rising order"),
        ("--positions 32 --probe 33", "--probe 33"),
        ("--data nowhere.jsonl", "cannot be read"),
        ("--data {empty}", "it holds no questions"),
        ("--data {some} --out {held}", "holds a head already: name another folder, or replace it"),
        ("--data {broken}", "line 2"),
        ("--data {one}", "1 usable questions"),
        ("--model nowhere", "config.json"),
        ("--model {odd} --data {some} --work {work}", "config.json cannot be used"),
        ("--data {some} --out {one}", "one is a file. Name another folder"),
        ("--data {some} --work {one}/work", "one is a file. Name another folder"),
        ("--temperature 0", "must differ"),
        ("--samples 1", "at least 2"),
        ("--seed -1", "--seed at least 0"),
        ("--max-tokens 0", "--max-tokens must be at least 2"),
        (
            "--data {some} --question-field text",
            "no text in the field 'text'; the row has question",
        ),
        ("--layers 8", "the model has 8 layers"),
        ("--url http://127.0.0.1:9", "ARROL_ADMIN_KEY"),
        ("--url http://127.0.0.1:9 --recompute --work {work}", "does not answer"),
    ],
)
def test_what_cannot_work_is_refused_before_the_engine_starts(
    words: str, says: str, tmp_path: Path
) -> None:
    one = '{"question": "What is 1+1?", "answer": "2"}\n'
    some = "".join(f'{{"question": "What is {i}+1?", "answer": "{i + 1}"}}\n' for i in range(30))
    files = {"empty": "", "one": one, "broken": one + "{\n", "some": some}
    files |= {"odd/config.json": '{"model_type": "nobody-knows"}', "held/head.json": "{}"}
    for folder in ("odd", "held"):
        (tmp_path / folder).mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    places = {name: tmp_path / name for name in (*files, "work", "odd", "held")}
    asked = ["--out", str(tmp_path / "out"), *words.format(**places).split()]
    done = head(*asked, ARROL_ADMIN_KEY="")
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
