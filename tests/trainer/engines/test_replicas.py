"""Rollouts from real running servers, through their admin ports."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from arrol_serve.quality.artifact import load_head
from tests.paths import MODEL, ROOT
from tests.starting import stop
from tests.trainer.servers import KEY, RunningReplica, launch
from tests.trainer.test_ranks import by_two
from tests.trainer.test_runs import figures, policy, weights
from tests.warm.command import PYTHON, run
from trainer.head.data import HeadData
from trainer.run import checkpoint
from trainer.run.log import read_metrics

pytestmark = pytest.mark.timeout(600)
LIMIT_S = 240


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningReplica]:
    running = launch(tmp_path_factory.mktemp("replica") / "server.log")
    yield running
    stop(running.process, running.log)
    ours = [line for line in running.log.read_text().splitlines() if "arrol_serve/api" in line]
    assert not [line for line in ours if 'File "' in line], "a traceback goes through our code"


def finish(words: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return run(words, LIMIT_S, os.environ | {"ARROL_ADMIN_KEY": KEY} | environment)


def ask(replica: RunningReplica, path: str, body: object = None, key: str = KEY) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{replica.url}{path}", json=body, headers=headers, timeout=60)


def test_a_replica_gives_the_same_rollouts_as_an_engine_in_process(
    replica: RunningReplica,
) -> None:
    done = finish([*PYTHON, "tests.trainer.engines.two_ways", replica.url])
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert all(told["same"].values()), told["same"]
    assert 0 < told["pruned"] < told["rollouts"]
    assert told["same_positions"]
    assert told["positions"] > told["rollouts"]
    assert told["logprob_gap"] < 1e-4
    assert told["feature_gap"] < 1e-3


def test_three_pruned_steps_are_the_same_over_http(replica: RunningReplica, tmp_path: Path) -> None:
    remote, local = tmp_path / "remote", tmp_path / "local"
    done = finish(policy(remote, **{"rollout.replicas": [replica.url]}))
    assert done.returncode == 0, done.stderr[-3000:]
    assert finish(policy(local)).returncode == 0
    exact = ("kept", "reward", "tokens_generated", "tokens_trained", "groups_mixed")
    for ours, theirs in zip(figures(local), figures(remote), strict=True):
        assert [ours[key] for key in exact] == [theirs[key] for key in exact]
        assert theirs["sync_gap"] < 1e-4
    assert any(row["kept"] < 1 for row in figures(remote))
    after = weights(remote)
    assert all((after[name] - value).abs().max() < 1e-4 for name, value in weights(local).items())


@pytest.mark.slow
def test_two_ranks_share_what_the_first_one_has_from_replicas(
    replica: RunningReplica, tmp_path: Path
) -> None:
    both, alone = tmp_path / "both", tmp_path / "alone"
    changes = {"rollout.replicas": [replica.url], "eval.every": 3, "eval.questions": 6}
    done = finish(by_two(policy(both, **changes)))
    assert done.returncode == 0, done.stderr[-3000:]
    assert finish(policy(alone, **changes)).returncode == 0
    exact = ("kept", "reward", "tokens_generated", "tokens_trained", "groups_mixed")
    steps = [[row for row in figures(out) if "kept" in row] for out in (both, alone)]
    assert len(steps[0]) == 3
    for two, one in zip(*steps, strict=True):
        assert [two[key] for key in exact] == [one[key] for key in exact]
        assert two["sync_gap"] < 1e-4
    assert any(row["kept"] < 1 for row in steps[0])
    assert "eval/pass@1" in figures(both)[-1]


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/admin/rollouts", {"samples": 2}, 400, "prompt_token_ids"),
        ("/admin/head", {"path": "/nowhere"}, 400, "There is no head"),
        ("/admin/nothing", {}, 404, "no such route"),
        ("/update_weights", {"update_info": {"path": "/nowhere"}}, 409, "start_weight_update"),
        ("/pause?mode=nonsense", None, 400, "mode"),
    ],
)
def test_the_admin_port_says_what_is_wrong(
    replica: RunningReplica, path: str, body: object, status: int, says: str
) -> None:
    reply = ask(replica, path, body)
    assert reply.status_code == status
    assert says in reply.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/admin/rollouts", "/admin/head", "/pause", "/update_weights"])
def test_nothing_is_done_without_the_key(replica: RunningReplica, path: str) -> None:
    assert ask(replica, path, {}, "wrong-key-wrong-key-wrong").status_code == 401
    assert httpx.post(f"{replica.url}{path}", json={}).status_code == 401


def test_unreadable_weights_leave_the_model_as_it_was(replica: RunningReplica) -> None:
    group = {"prompt_token_ids": [5, 6], "samples": 2, "seed": 3, "temperature": 1}
    group |= {"max_tokens": 8}

    def sampled() -> list[object]:
        told = ask(replica, "/admin/rollouts", group).json()["rollouts"]
        return [(one["token_ids"], one["logprobs"]) for one in told]

    before = sampled()
    assert ask(replica, "/start_weight_update").status_code == 200
    refused = ask(replica, "/update_weights", {"update_info": {"path": "/nowhere"}})
    assert refused.status_code == 409
    assert "no safetensors in /nowhere" in refused.json()["error"]["message"]
    assert sampled() == before


@pytest.mark.parametrize(
    ("changes", "environment", "says"),
    [
        ({}, {"ARROL_ADMIN_KEY": ""}, "set ARROL_ADMIN_KEY"),
        ({}, {"ARROL_ADMIN_KEY": "wrong"}, "401"),
        ({"rollout.max_model_len": 4096}, {}, "max_model_len of 512"),
        ({"sync.backend": "nccl"}, {}, "sync.backend"),
    ],
)
def test_a_replica_that_does_not_fit_is_refused(
    replica: RunningReplica,
    tmp_path: Path,
    changes: dict[str, object],
    environment: dict[str, str],
    says: str,
) -> None:
    words = policy(tmp_path / "run", **{"rollout.replicas": [replica.url], **changes})
    done = finish(words, **environment)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_groups_move_when_a_replica_dies_and_the_run_is_saved_when_all_have(
    tmp_path: Path,
) -> None:
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(launch, (tmp_path / "first.log", tmp_path / "second.log"))
    out = tmp_path / "run"
    words = policy(
        out,
        **{"rollout.replicas": [first.url, second.url], "run.steps": 500, "checkpoint.every": 500},
    )
    with (tmp_path / "run.log").open("w") as log:
        environment = os.environ | {"ARROL_ADMIN_KEY": KEY}
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stderr=log)
    try:
        wait_for_steps(process, out, 2)
        first.kill()
        wait_for_steps(process, out, len(read_metrics(out)) + 3)
        second.kill()
        assert process.wait(timeout=60) == 1
    finally:
        for one in (first, second):
            one.kill()
        process.kill()
    said = (tmp_path / "run.log").read_text()
    assert "Its groups go to the others" in said
    assert "no replica is left" in said
    assert "Traceback" not in said
    (saved,) = checkpoint.complete(out / "checkpoints")
    assert checkpoint.load_state(saved)["done"] == len(read_metrics(out))


def wait_for_steps(process: subprocess.Popen[bytes], out: Path, count: int) -> None:
    end = time.monotonic() + LIMIT_S
    while len(read_metrics(out)) < count:
        assert process.poll() is None, "the run ended by itself"
        assert time.monotonic() < end
        time.sleep(0.05)


def put(replica: RunningReplica, folder: Path) -> None:
    """The weights of ``folder`` into the server, as a trainer does."""
    steps: list[tuple[str, object]] = [
        ("/pause?mode=wait", None),
        ("/init_weight_transfer_engine", {"init_info": {}}),
        ("/start_weight_update", None),
        ("/update_weights", {"update_info": {"path": str(folder)}}),
        ("/finish_weight_update", {}),
        ("/resume", None),
    ]
    for path, body in steps:
        reply = ask(replica, path, body)
        assert reply.status_code == 200, (path, reply.text)


HEAD_WORDS = "--questions 40 --samples 6 --levels 5 --temperature 1.8 --max-tokens 128"


def test_no_head_is_made_for_a_model_whose_weights_the_server_no_longer_has(
    replica: RunningReplica, tmp_path: Path
) -> None:
    changed = load_file(MODEL / "model.safetensors")
    changed["model.norm.weight"] += 0.01
    (tmp_path / "trained").mkdir()
    save_file(changed, tmp_path / "trained" / "model.safetensors")
    put(replica, tmp_path / "trained")
    words = [*HEAD_WORDS.split(), "--url", replica.url, "--work", str(tmp_path / "work")]
    words += ["--out", str(tmp_path / "head")]
    done = finish([*PYTHON, "trainer.cli", "head", *words])
    put(replica, MODEL)
    assert done.returncode == 1
    assert "holds other weights than --model" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_head_is_made_from_rollouts_of_a_running_server(
    replica: RunningReplica, tmp_path: Path
) -> None:
    """Recorded by the server's engine, or recomputed from what its public API says."""
    put(replica, MODEL)  # whatever an earlier test trained
    shards = {}
    ways = {"recorded": ["--url", replica.url], "here": []}
    ways["recomputed"] = ["--url", replica.public, "--recompute"]
    for name, where in ways.items():
        words = [
            *HEAD_WORDS.split(),
            "--positions",
            "16",
            "32",
            *where,
            "--work",
            str(tmp_path / name),
        ]
        words += ["--out", str(tmp_path / f"{name}-head")]
        done = finish([*PYTHON, "trainer.cli", "head", *words])
        assert done.returncode == 0, done.stderr[-3000:]
        shards[name] = HeadData.load(tmp_path / name / "000000.npz")
        load_head(tmp_path / f"{name}-head")
    here = rows_of(shards["here"])
    for name in ("recorded", "recomputed"):
        there = rows_of(shards[name])
        # Where many run at once, rounding may turn a token, and with it all that follows.
        alike = [
            there[key][0] == correct and np.abs(there[key][1] - features).max() < 1e-2
            for key, (correct, features) in here.items()
            if key in there
        ]
        assert sum(alike) >= 0.9 * len(here), name


def rows_of(data: HeadData) -> dict[tuple[int, int, int, bool], tuple[bool, np.ndarray]]:
    """Verdict and features by group, rollout, tokens, and whether it is the last token."""
    keys = zip(
        *(getattr(data, field).tolist() for field in ("group", "rollout", "tokens", "final")),
        strict=True,
    )
    return dict(zip(keys, zip(data.correct.tolist(), data.features, strict=True), strict=True))
