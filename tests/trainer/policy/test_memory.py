"""Passes that run out of memory: made again with fewer tokens, with the same result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import torch

from tests.paths import MODEL, ROOT
from tests.trainer.policy.short_of_memory import ROWS, rows
from trainer.config import load_config
from trainer.errors import OutOfMemory
from trainer.policy.learner import Learner
from trainer.policy.memory import PassBudget, is_out_of_memory


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.trainer.policy.short_of_memory"],
        cwd=ROOT,
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": str(1 << 20)},  # what is freed is given back
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"said": done.stderr}


def test_an_update_with_too_little_memory_is_the_update_with_enough(told: dict[str, Any]) -> None:
    enough, short = told["enough"], told["short"]
    assert enough["halvings"] == 0
    assert short["halvings"] > 0
    assert short["tokens_per_pass"] < 100_000
    for name in ("loss", "grad_norm"):
        assert short[name] == pytest.approx(enough[name], rel=1e-3, abs=1e-5)
    for name in ("terms", "tokens"):  # nothing is counted twice
        assert short[name] == enough[name]
    assert told["score_gap"] < 1e-3
    assert f"goes on with {short['tokens_per_pass']}" in told["said"]


def test_it_keeps_to_what_fitted(told: dict[str, Any]) -> None:
    assert told["again"]["halvings"] == 0
    assert told["again"]["tokens_per_pass"] <= told["short"]["tokens_per_pass"]


def test_one_rollout_that_does_not_fit_is_named(told: dict[str, Any]) -> None:
    assert "one rollout of" in told["refused"]
    assert "optim.gradient_checkpointing" in told["refused"]


def test_other_errors_pass_through() -> None:
    def wrong() -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        PassBudget(100, alone=True).within(wrong, [10, 10])
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


def test_ranks_cannot_go_back() -> None:
    def hungry() -> torch.Tensor:
        return torch.empty(1 << 60)

    with pytest.raises(OutOfMemory, match=r"set optim\.tokens_per_pass below 100,"):
        PassBudget(100, alone=False).within(hungry, [10, 10])


@pytest.mark.parametrize(
    ("tokens", "lengths", "tried"),
    [(1000, [100] * 4, [1000, 200, 100]), (300, [100] * 9, [300, 150, 100]), (50, [100, 20], [50])],
)
def test_budgets_are_halved_from_what_was_tried(
    tokens: int, lengths: list[int], tried: list[int]
) -> None:
    budget, seen = PassBudget(tokens, alone=True), []

    def hungry() -> torch.Tensor:
        seen.append(budget.tokens)
        return torch.empty(1 << 60)

    with pytest.raises(OutOfMemory, match="one rollout of 100 tokens"):
        budget.within(hungry, lengths)
    assert seen == tried


@pytest.mark.gpu
def test_a_gpu_without_room() -> None:
    whole = Learner(MODEL, load_config(None, ["optim.tokens_per_pass=1"]).policy)
    wanted = whole.update(rows(count=ROWS), 0)
    tight = Learner(MODEL, load_config(None, ["optim.tokens_per_pass=100000"]).policy)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    taken = torch.cuda.memory_reserved()
    torch.cuda.set_per_process_memory_fraction((taken + (300 << 20)) / total)
    try:
        found = tight.update(rows(count=ROWS), 0)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert found.out_of_memory > 0
    assert found.grad_norm == pytest.approx(wanted.grad_norm, rel=1e-3)
