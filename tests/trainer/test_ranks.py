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
from pathlib import Path
from typing import Any

import pytest
import torch

from arrol_serve.errors import InvalidRequest
from tests.paths import ROOT
from tests.trainer.servers import free_port
from tests.trainer.test_runs import LIMIT_S, policy, run, weights
from tests.trainer.two_ranks import CASES
from trainer import checkpoint
from trainer.config import load_config
from trainer.metrics_log import read_metrics
from trainer.packing import pack_for, share
from trainer.ranks import Ranks
from trainer.weight_transfer import check_backend

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
def updates(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """``two_ranks.CASES`` on one rank and on two."""
    folder = tmp_path_factory.mktemp("updates")
    words = [sys.executable, "-m", "tests.trainer.two_ranks"]
    run([*words, str(folder / "one.pt")])
    run([*by_two(words), str(folder / "two.pt")])
    return torch.load(folder / "one.pt"), torch.load(folder / "two.pt")


@pytest.mark.parametrize("case", [name for name in CASES if name != "bfloat16"])
def test_the_gradient_does_not_depend_on_the_number_of_ranks(
    updates: tuple[dict[str, Any], dict[str, Any]], case: str
) -> None:
    one, two = (found[case] for found in updates)
    # The old log-probabilities of a second minibatch come from passes packed in another way.
    close = 1e-4 if case == "twice" else 1e-5
    assert (one["gradient"] - two["gradient"]).norm() < close * one["gradient"].norm()
    torch.testing.assert_close(two["report"], one["report"], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(two["scores"], one["scores"], rtol=1e-3, atol=1e-3)
    assert (one["steps"], one["tokens"]) == (two["steps"], two["tokens"])
    assert one["weights"].keys() == two["weights"].keys()
    for name, weight in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], weight, rtol=1e-3, atol=1e-5)


def test_shards_in_bfloat16_come_close(updates: tuple[dict[str, Any], dict[str, Any]]) -> None:
    one, two = (found["bfloat16"] for found in updates)
    likeness = torch.nn.functional.cosine_similarity(one["gradient"], two["gradient"], dim=0)
    assert likeness > 0.99
    assert one["gradient"].dtype == two["gradient"].dtype == torch.float32


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps of two ranks, the second one pruned."""
    out: Path = tmp_path_factory.mktemp("ranks") / "whole"
    run(by_two(policy(out, **{"run.steps": 2})))
    return out


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_checkpoint_of_two_ranks_goes_on_with_one_or_two(
    whole: Path, tmp_path: Path, ranks: int
) -> None:
    rows = read_metrics(whole)
    assert [row["step"] for row in rows] == [1, 2]
    assert rows[1]["kept"] < 1
    assert all(row["sync_gap"] < 1e-4 and row["mismatch_max"] < 1e-3 for row in rows)
    out = tmp_path / "again"
    shutil.copytree(whole, out)
    shutil.rmtree(out / "checkpoints" / "step_000002")
    words = policy(out, "--resume", "auto", **{"run.steps": 2})
    run(by_two(words) if ranks == 2 else words)
    # Two ranks sum their gradients in an order that is not fixed, one rank in another one.
    again = read_metrics(out)[1]
    assert again["tokens_generated"] == rows[1]["tokens_generated"]
    assert again["grad_norm"] == pytest.approx(rows[1]["grad_norm"], rel=1e-2)
    for name, weight in weights(whole).items():
        torch.testing.assert_close(weights(out)[name], weight, rtol=0, atol=2e-4)


@contextmanager
def running(words: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            words, cwd=ROOT, stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield process
    finally:
        process.kill()


def wait_for_step(out: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not read_metrics(out):
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def pid_of(launcher: int, rank: int) -> int:
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    (found,) = (
        int(pid)
        for pid in children
        if f"\0RANK={rank}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    )
    return found


ENDLESS = {"run.steps": 500, "prune.mode": "none"}


def test_the_others_end_when_one_is_lost(tmp_path: Path) -> None:
    out, log = tmp_path / "lost", tmp_path / "log"
    with running(by_two(policy(out, **ENDLESS)), log) as process:
        wait_for_step(out, process, log)
        other = pid_of(process.pid, 0)
        os.kill(pid_of(process.pid, 1), signal.SIGKILL)
        assert process.wait(timeout=LIMIT_S) != 0
    assert not Path(f"/proc/{other}").exists()


def test_all_save_when_told_to_end(tmp_path: Path) -> None:
    out, log = tmp_path / "told", tmp_path / "log"
    words = by_two(policy(out, **ENDLESS, **{"checkpoint.every": 500}))
    words[3:3] = ["--shutdown-timeout", str(int(LIMIT_S))]
    with running(words, log) as process:
        wait_for_step(out, process, log)
        process.terminate()
        process.wait(timeout=LIMIT_S)
    assert log.read_text().count("stopped and saved") == 1
    (saved,) = checkpoint.complete(out / "checkpoints")
    assert checkpoint.load_state(saved)["done"] == len(read_metrics(out))


def test_every_rank_says_what_is_wrong_with_the_recipe(tmp_path: Path) -> None:
    words = by_two(policy(tmp_path / "run", **{"run.model": str(tmp_path)}))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode != 0
    assert "is not a folder with a Hugging Face checkpoint" in done.stderr
    assert str(ROOT / "trainer") not in done.stderr  # no traceback of ours


def test_ipc_is_refused_for_several_ranks() -> None:
    with pytest.raises(InvalidRequest, match="process of its own"):
        check_backend(load_config(None, ["sync.backend=ipc"]), ranks=2)
