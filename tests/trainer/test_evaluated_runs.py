"""A run that is evaluated on two sets, keeps its best checkpoint and ends early; on the real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.trainer.test_runs import command, failed, policy, run
from trainer.run import checkpoint
from trainer.run.log import read_metrics
from trainer.run.metric_names import documented

CHANGES = {
    "run.steps": 9,
    "rollout.prompts": 1,
    "reward.function": "tests.trainer.rewards.rewards_for_tests:after_the_first",
    "reward.truncated": "graded",
    "prune.cold_start": 0,
    "eval.every": 1,
    "eval.questions": 2,
    "eval.samples": 3,
    "eval.patience": 2,
    "engine.enable_prefix_caching": False,
    "checkpoint.every": 100,
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """All that the first evaluation sees is wrong, and all that comes later is right."""
    folder = tmp_path_factory.mktemp("evaluated")
    rows = [{"question": f"What is {n}+{n}?", "answer": str(2 * n)} for n in (3, 4, 5)]
    file = folder / "doubles.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    changes = {**CHANGES, "eval.sources": ["held_out", str(file)]}
    out = folder / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REWARD_METRICS", str(out / "metrics.jsonl"))
        run(policy(out, **changes))
        yield out, policy(out, "--resume", "auto", **changes)


def test_sets_are_reported_by_name_and_votes_are_counted(ended: tuple[Path, list[str]]) -> None:
    rows = read_metrics(ended[0])
    assert [row["step"] for row in rows] == [0, 1, 2, 3]
    for row in rows:
        for place in ("eval/", "eval/held_out/", "eval/doubles/"):
            assert set(row) >= {f"{place}{m}" for m in ("pass@1", "pass@3", "maj@3", "weighted@3")}
            assert 0 <= row[f"{place}truncated"] <= 1
            assert row[f"{place}length"] > 0
    assert {key for row in rows for key in row if documented(key) is None} == set()
    assert rows[0]["eval/pass@1"] == 0
    assert rows[0]["eval/weighted@3"] is None, "no head has learned anything"
    assert all(row["eval/pass@3"] == 1 for row in rows[1:])
    assert any(row["eval/weighted@3"] is not None for row in rows[1:])


def test_a_run_without_gain_ends_early_and_stays_ended(ended: tuple[Path, list[str]]) -> None:
    out, words = ended
    run(words)
    assert [row["step"] for row in read_metrics(out)] == [0, 1, 2, 3]


def test_the_best_checkpoint_is_exported(ended: tuple[Path, list[str]], tmp_path: Path) -> None:
    out, _ = ended
    assert checkpoint.find(out / "checkpoints", "best").name == "best_000001"
    run(command("export", str(out), "--to", str(tmp_path / "best"), "--checkpoint", "best"))
    made = json.loads((tmp_path / "best" / "provenance.json").read_text())
    assert made["step"] == 1
    words = command("export", str(out), "--to", str(tmp_path / "no"), "--checkpoint", "7")
    assert "--checkpoint 7" in failed(words)
    assert not (ROOT / "no").exists()
