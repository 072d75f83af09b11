"""An engine that sleeps between two rounds of rollouts. CPUs ignore sleep's memory, not the rest of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from tests.engine.test_apart import run_apart
from trainer.config import load_config
from trainer.dry_run import look
from trainer.engines.local import LocalEngine
from trainer.engines.sampling import GroupRequest
from trainer.errors import ConfigError


def tokens(engine: LocalEngine) -> list[list[int]]:
    request = GroupRequest("g", "What is 12*34+5-6?", seed=7, record=(4,))
    return [list(one.token_ids) for one in engine.sample([request], 4, max_tokens=16)[0]]


def test_an_engine_that_slept_samples_and_takes_weights_as_before(engine: Any) -> None:
    ours, inner = LocalEngine(engine, sleeps=True), engine.llm_engine
    awake = tokens(ours)
    assert len(ours.take_features().tokens) > 4
    for _ in range(2):
        ours.sleep()
    assert inner.is_sleeping()
    assert tokens(ours) == awake
    ours.sleep()
    assert len(ours.take_features().tokens) > 4  # recorded before it slept
    with ours.updating("slept"):
        assert inner.is_sleeping()  # the cache's part of it, whose room serves the transfer
    assert not inner.is_sleeping()
    assert tokens(ours) == awake
    ours.take_features()


def test_one_that_was_not_opened_so_stays_awake(engine: Any) -> None:
    ours = LocalEngine(engine)
    ours.sleep()
    assert not engine.llm_engine.is_sleeping()


@pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without a GPU")
def test_a_machine_without_a_gpu_is_told_so_in_one_line() -> None:
    with pytest.raises(ConfigError) as refused:
        look(load_config(None, ["rollout.sleep=true"]))
    assert re.fullmatch(
        r"rollout\.sleep gives a GPU's memory back.*: leave it out\.", str(refused.value)
    )


def test_replicas_are_not_put_to_sleep() -> None:
    with pytest.raises(ConfigError, match="replicas stay awake"):
        load_config(None, ["rollout.sleep=true", 'rollout.replicas=["http://127.0.0.1:1"]'])


@pytest.mark.gpu
def test_a_gpu_has_its_memory_back_while_the_engine_sleeps() -> None:
    seen = run_apart("asleep")
    assert seen["freed"] > 0.9 * seen["wanted"]
    assert seen["taken_again"] > 0.9 * seen["wanted"]
    assert seen["after"] == seen["before"]
