"""Whole runs on the bundled model with the real engine, each in its own process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from arrol_serve.quality.artifact import load_head
from tests.paths import MODEL, ROOT
from tests.trainer.hub_server import contents, hub_server
from tests.warm import command as warm
from tests.warm.command import PYTHON
from trainer.precision import GAPS
from trainer.run import checkpoint
from trainer.run.log import read_metrics
from trainer.run.metric_names import documented
from trainer.samples.kept import read_groups

TINY = {
    "run.steps": 3,
    "data.levels": [2],
    "rollout.prompts": 3,
    "rollout.samples": 6,
    "rollout.temperature": 1.8,
    "rollout.max_tokens": 64,
    "rollout.max_model_len": 256,
    "rollout.sequences": 18,
    "prune.probes": [12],
    "prune.cold_start": 1,
    "prune.p_min": 0.2,
    "head.bins": 4,
    "head.rows": 32,
    "optim.lr": 1e-4,
    "optim.tokens_per_pass": 512,
    "checkpoint.every": 1,
}
LIMIT_S = 280.0


def command(*words: str) -> list[str]:
    return [*PYTHON, "trainer.cli", *words]


def policy(out: Path, *words: str, **changes: Any) -> list[str]:
    settings = {**TINY, "run.out": str(out), **changes}
    recipe = out.with_suffix(".toml")
    recipe.write_text("")
    overrides = [f"--{key}={json.dumps(value)}" for key, value in settings.items()]
    return command("policy", str(recipe), *words, *overrides)


def run(words: list[str]) -> str:
    done = warm.run(words, LIMIT_S)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def run_by_itself(words: list[str]) -> None:
    """By a Python started for it, as a user's is, with hashes of its own."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr[-3000:]


def failed(words: list[str]) -> str:
    done = warm.run(words, LIMIT_S)
    assert done.returncode == 1
    return done.stderr


def interrupt(words: list[str], out: Path, number: int, *, after: int) -> int:
    """Start a run, send it a signal when ``after`` steps are logged, return its exit status."""
    process = warm.Command(words)
    try:
        deadline = time.monotonic() + LIMIT_S
        while len(read_metrics(out)) < after:
            assert process.poll() is None, "the run ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, number)
        return process.wait(timeout=LIMIT_S)
    finally:
        process.kill()


def weights(out: Path) -> dict[str, torch.Tensor]:
    newest = checkpoint.latest(out / "checkpoints")
    assert newest is not None
    return load_file(newest / checkpoint.MODEL)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def figures(out: Path) -> list[dict[str, Any]]:
    """Metrics but for the clock's."""
    clocks = ("seconds", "tokens_per", "time")
    return [
        {key: value for key, value in row.items() if not key.startswith(clocks)}
        for row in read_metrics(out)
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three uninterrupted steps, two of them pruned."""
    out: Path = tmp_path_factory.mktemp("runs") / "whole"
    run_by_itself(policy(out))
    return out


def test_three_pruned_steps_change_the_model(whole: Path) -> None:
    rows = read_metrics(whole)
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert rows[0]["kept"] == 1
    assert any(row["kept"] < 1 for row in rows[1:])
    assert all(row["tokens_trained"] <= row["tokens_generated"] for row in rows)
    assert any(row["grad_norm"] > 0 for row in rows)
    assert not same(weights(whole), load_file(MODEL / "model.safetensors"))


def test_every_figure_of_a_run_is_documented(whole: Path) -> None:
    assert {key for row in read_metrics(whole) for key in row if documented(key) is None} == set()


def test_engine_and_trainer_agree_at_every_step(whole: Path) -> None:
    rows = read_metrics(whole)
    assert all(row["sync_gap"] < 1e-4 for row in rows)
    assert all(row["mismatch_max"] < 1e-3 for row in rows if row["mismatch_max"] is not None)


def test_an_engine_in_its_own_process_gives_the_same_step(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``sync.backend = "ipc"`` has it; the weights still go by files."""
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "1")
    monkeypatch.setenv("VLLM_ALLOW_INSECURE_SERIALIZATION", "1")
    out = tmp_path / "apart"
    run(policy(out, **{"run.steps": 1}))
    assert figures(out) == figures(whole)[:1]


def test_a_killed_run_goes_on_to_the_same_bits(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    assert interrupt(policy(out), out, signal.SIGKILL, after=2) == -signal.SIGKILL
    assert len(checkpoint.complete(out / "checkpoints")) >= 1
    run(policy(out, "--resume", "auto"))
    assert same(weights(out), weights(whole))
    assert figures(out) == figures(whole)


@pytest.mark.timeout(900)  # three runs
def test_one_generation_is_for_several_steps_and_a_run_killed_between_them_goes_on(
    tmp_path: Path,
) -> None:
    """Killed after the first step of the second generation, whose second step is still to come."""
    changes = {"rollout.batches": 2, "run.steps": 4, "algorithm.old": "engine"}
    changes |= {"optim.minibatches": 2, "algorithm.train_of_group": 4}
    whole, out = tmp_path / "whole", tmp_path / "killed"
    run_by_itself(policy(whole, **changes))
    rows = read_metrics(whole)
    assert [row["off_policy"] for row in rows] == [0, 1, 0, 1]
    assert ["sync_gap" in row for row in rows] == [False, True, False, True]
    assert [row["seconds/generate"] > 0 for row in rows if "seconds/generate" in row] == [
        True,
        True,
    ]
    assert [row["groups"] for row in rows] == [3] * 4
    trained = [row["old_from_engine"] for row in rows if row["rollouts_trained"] > 2]
    assert trained
    assert all(0 < share <= 1 for share in trained)
    assert interrupt(policy(out, **changes), out, signal.SIGKILL, after=3) == -signal.SIGKILL
    run(policy(out, "--resume", "auto", **changes))
    assert same(weights(out), weights(whole))
    assert figures(out) == figures(whole)


def test_a_terminated_run_saves_first(tmp_path: Path) -> None:
    out = tmp_path / "terminated"
    words = policy(out, **{"run.steps": 500, "checkpoint.every": 500, "prune.mode": "none"})
    assert interrupt(words, out, signal.SIGTERM, after=1) == 128 + signal.SIGTERM
    (saved,) = checkpoint.complete(out / "checkpoints")
    assert checkpoint.load_state(saved)["done"] == len(read_metrics(out))


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    words = policy(out, **{"run.steps": 500, "checkpoint.every": 1000, "prune.mode": "none"})
    assert interrupt(words, out, signal.SIGINT, after=1) == 143
    assert checkpoint.latest(out / "checkpoints") is not None


def test_an_exported_run_loads_back_with_its_head(whole: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    target = tmp_path / "My-Model"
    assert run(command("export", str(whole), "--to", str(target))) == f"{target}\n"
    loaded = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32)
    assert same(dict(loaded.named_parameters()), weights(whole))
    assert AutoTokenizer.from_pretrained(target).chat_template
    _, manifest = load_head(target / "heads" / "my-model")
    assert manifest.probes == (12,)
    assert manifest.base_model.weights_sha256 is not None
    assert str(whole.parent) not in (target / "provenance.json").read_text()


def test_an_export_is_pushed_whole_with_its_card(whole: Path, tmp_path: Path) -> None:
    target = tmp_path / "pushed"
    words = command("export", str(whole), "--to", str(target), "--push", "someone/model")
    with hub_server() as hub:
        done = subprocess.run(
            words, cwd=ROOT, env=hub.environment(), capture_output=True, text=True, timeout=LIMIT_S
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert f"Pushed: {hub.url}/someone/model" in done.stderr
        assert hub.asked[0] == "/api/whoami-v2"
        there = hub.files["someone/model"]
    assert there == contents(target)
    assert {"README.md", "config.json", "tokenizer.json", "heads/pushed/head.json"} <= there.keys()
    card = there["README.md"].decode()
    assert "to step 3" in card
    assert "6 rollouts each, of which `arrol` keeps 0.5" in card
    assert str(whole.parent) not in card


def test_the_curves_are_drawn(whole: Path) -> None:
    assert run(command("plot", str(whole))) == f"{whole / 'curves.png'}\n"
    assert (whole / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_rollouts_of_the_first_step_are_kept_and_shown(whole: Path) -> None:
    told = run(command("show", str(whole), "--lines", "3"))
    assert f"3 groups with search and filters: {whole / 'samples.html'}" in told
    assert re.search(r"#\d (right|wrong), \d+ tokens", told)
    groups = read_groups(whole / "rollouts" / "step-000001.jsonl.gz")
    assert [len(group.replies) for group in groups] == [6, 6, 6]
    trained = [r.figures["advantage"] for g in groups if g.mixed for r in g.replies]
    assert sum(a for a in trained if a is not None) == pytest.approx(0, abs=1e-4)
    assert {r.figures["reward"] for g in groups for r in g.replies} == {0.0, 1.0}
    assert "--part step 9: no step of that name; there are step 1" in failed(
        command("show", str(whole), "--part", "step 9")
    )


def test_a_stale_engine_is_noticed(tmp_path: Path) -> None:
    words = [*PYTHON, "tests.trainer.apart", "stale", str(tmp_path / "weights")]
    told = json.loads(run(words).splitlines()[-1])
    assert told["first"] < 1e-4
    assert len(told["stale"]) == len(told["synced"]) == 4
    assert all("sync.max_gap" in refusal for refusal in told["stale"].values())
    assert all(gap < 1e-4 for gap in told["synced"].values())
    assert told["version"] == "model.norm"


def test_weights_that_were_not_loaded_are_noticed_in_bfloat16(tmp_path: Path) -> None:
    words = [*PYTHON, "tests.trainer.apart", "forgotten", str(tmp_path / "weights")]
    told = json.loads(run(words).splitlines()[-1])
    assert told["exact"]
    assert told["gap"] < GAPS[torch.bfloat16]  # log-probabilities do not tell
    assert "bit by bit" in told["refused"]
    assert told["synced"] < GAPS[torch.bfloat16]
    assert "nats a token" in told["moved"]  # half of their spread does tell
