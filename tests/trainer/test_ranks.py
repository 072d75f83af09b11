"""Two ranks under torchrun on CPUs (gloo): the same numbers as one, and nobody is left hanging."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.processes import free_port
from tests.paths import ROOT
from tests.trainer.test_runs import LIMIT_S, figures, policy, run, same, weights
from tests.trainer.two_ranks import CASES, updates
from trainer.engines.weight_transfer import check_backend
from trainer.errors import ConfigError
from trainer.policy.packing import pack_for, share
from trainer.ranks import Ranks
from trainer.run import checkpoint
from trainer.run.log import read_metrics

pytestmark = pytest.mark.timeout(900)  # two engines start in each run


def by_two(words: list[str]) -> list[str]:
    """The same command by two ranks."""
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
    return [words[0], *launcher, "--master-port", str(free_port()), *words[1:]]


def test_every_rank_runs_as_many_micro_batches_and_none_is_lost() -> None:
    lengths = [9, 5, 4, 4, 3]
    packed = pack_for(lengths, budget=10, ranks=2)
    assert packed == [[0], [1, 2], [3, 4]]
    assert share(packed, lengths, 0, 2) == [([0], True), ([3, 4], True)]
    assert share(packed, lengths, 1, 2) == [([1, 2], True), ([4], False)]
    assert len(pack_for(lengths, budget=1000, ranks=2)) == 3  # else one rank would be idle
    assert pack_for(lengths, budget=1000, ranks=1) == [[0, 1, 2, 3, 4]]
    assert share([], [], 1, 2) == []
    assert list(Ranks(1, 2).share("abcde", first_only=False)) == ["b", "d"]
    assert list(Ranks(1, 2).share("abcde", first_only=True)) == []


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """``two_ranks.CASES`` on one rank, which is this process, and on two."""
    two = tmp_path_factory.mktemp("updates") / "two.pt"
    run([*by_two([sys.executable, "-m", "tests.trainer.two_ranks"]), str(two)])
    return updates(Ranks()), torch.load(two)


@pytest.mark.parametrize("case", [name for name in CASES if name != "bfloat16"])
def test_the_gradient_does_not_depend_on_the_number_of_ranks(
    updated: tuple[dict[str, Any], dict[str, Any]], case: str
) -> None:
    one, two = (found[case] for found in updated)
    # The old log-probabilities of a second minibatch come from passes packed in another way.
    close = 1e-4 if case == "twice" else 1e-5
    assert (one["gradient"] - two["gradient"]).norm() < close * one["gradient"].norm()
    torch.testing.assert_close(two["report"], one["report"], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(two["scores"], one["scores"], rtol=1e-3, atol=1e-3)
    assert (one["steps"], one["tokens"]) == (two["steps"], two["tokens"])
    assert one["weights"].keys() == two["weights"].keys()
    for name, weight in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], weight, rtol=1e-3, atol=1e-5)
    assert one["moments"].keys() == two["moments"].keys()
    for name, moments in one["moments"].items():
        assert moments.keys() == two["moments"][name].keys() == {"step", "exp_avg", "exp_avg_sq"}


def test_shards_in_bfloat16_come_close(updated: tuple[dict[str, Any], dict[str, Any]]) -> None:
    one, two = (found["bfloat16"] for found in updated)
    likeness = torch.nn.functional.cosine_similarity(one["gradient"], two["gradient"], dim=0)
    assert likeness > 0.99
    assert one["gradient"].dtype == two["gradient"].dtype == torch.float32


@contextmanager
def running(words: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            words, cwd=ROOT, stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:  # the launcher takes its ranks along, if it is given the time
            process.terminate()
            process.wait(timeout=LIMIT_S)


def until_saved(step: int, out: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not saved(out, step).exists():
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def saved(out: Path, step: int) -> Path:
    return out / "checkpoints" / f"step_{step:06d}"


def pid_of(launcher: int, rank: int) -> int:
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    (found,) = (
        int(pid)
        for pid in children
        if f"\0RANK={rank}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    )
    return found


ENDLESS = {
    "run.steps": 500,
    "checkpoint.keep": 500,
    "rollout.batches": 2,  # sampled before steps 1, 3 and 5
    "algorithm.old": "engine",
}


@dataclass(frozen=True)
class Ended:
    """A run of two ranks that was made to end."""

    out: Path
    status: int
    log: str
    other: int = 0
    """Process id of the rank that was let be."""


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Its second rank is killed after five steps, pruned from the third on."""
    out: Path = tmp_path_factory.mktemp("ranks") / "lost"
    log = out.with_suffix(".log")
    with running(by_two(policy(out, **ENDLESS)), log) as process:
        until_saved(5, out, process, log)
        other = pid_of(process.pid, 0)
        os.kill(pid_of(process.pid, 1), signal.SIGKILL)
        status = process.wait(timeout=LIMIT_S)
    return Ended(out, status, log.read_text(), other)


def after(steps: int, run: Path, out: Path) -> Path:
    """A copy of a run as it was then."""
    shutil.copytree(
        run, out, ignore=lambda *_: {p.name for p in checkpoint.complete(run / "checkpoints")}
    )
    shutil.copytree(saved(run, steps), saved(out, steps))
    return out


@pytest.fixture(scope="module")
def told(lost: Ended) -> Ended:
    """The same from the third step's checkpoint on, which holds what the fourth is trained on, and told to
    end after the fifth."""
    out = after(3, lost.out, lost.out.with_name("told"))
    log = out.with_suffix(".log")
    words = by_two(policy(out, "--resume", "auto", **ENDLESS))
    words[3:3] = ["--shutdown-timeout", str(int(LIMIT_S))]
    with running(words, log) as process:
        until_saved(5, out, process, log)
        process.terminate()
        status = process.wait(timeout=LIMIT_S)
    return Ended(out, status, log.read_text())


def test_the_others_end_when_one_is_lost(lost: Ended) -> None:
    assert lost.status != 0
    assert not Path(f"/proc/{lost.other}").exists()


def test_both_ranks_engines_hold_the_trained_weights_and_sample_for_two_steps(lost: Ended) -> None:
    rows = read_metrics(lost.out)[:5]
    assert [row["off_policy"] for row in rows] == [0, 1, 0, 1, 0]
    assert rows[2]["kept"] < 1
    synced = [row for row in rows if "sync_gap" in row]
    assert [row["step"] for row in synced] == [2, 4]
    assert all(row["sync_exact"] == 1 and row["sync_gap"] < 1e-4 for row in synced)
    fresh = [row["mismatch_max"] for row in rows if not row["off_policy"]]
    assert all(most < 1e-3 for most in fresh if most is not None)
    assert any(row["old_from_engine"] == 1 for row in rows if row["off_policy"])


def test_all_save_when_told_to_end(told: Ended) -> None:
    assert told.log.count("stopped and saved") == 1
    newest = checkpoint.latest(told.out / "checkpoints")
    assert newest is not None
    assert checkpoint.load_state(newest)["done"] == len(read_metrics(told.out))


def test_two_ranks_go_on_to_the_same_bits(lost: Ended, told: Ended) -> None:
    assert figures(told.out)[:5] == figures(lost.out)[:5]
    for step in (4, 5):
        one, other = (load_file(saved(run.out, step) / checkpoint.MODEL) for run in (lost, told))
        assert same(one, other)


def test_one_rank_goes_on_from_a_checkpoint_of_two(lost: Ended, tmp_path: Path) -> None:
    out = after(2, lost.out, tmp_path / "one")
    run(policy(out, "--resume", "auto", **{**ENDLESS, "run.steps": 4}))
    for once, twice in zip(read_metrics(out)[2:], read_metrics(lost.out)[2:4], strict=True):
        assert once["tokens_generated"] == twice["tokens_generated"]
        # One rank adds gradients up in another order.
        assert once["grad_norm"] == pytest.approx(twice["grad_norm"], rel=1e-2)
    for name, weight in load_file(saved(lost.out, 4) / checkpoint.MODEL).items():
        torch.testing.assert_close(weights(out)[name], weight, rtol=0, atol=2e-4)


def test_every_rank_says_what_is_wrong_with_the_recipe(tmp_path: Path) -> None:
    words = by_two(policy(tmp_path / "run", **{"run.model": str(tmp_path)}))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode != 0
    assert "is not a folder with a Hugging Face checkpoint" in done.stderr
    assert str(ROOT / "trainer") not in done.stderr  # no traceback of ours


def test_ipc_is_refused_for_several_ranks() -> None:
    with pytest.raises(ConfigError, match="process of its own"):
        check_backend("ipc", remote=False, ranks=2)
