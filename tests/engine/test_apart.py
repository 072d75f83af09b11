"""What needs an engine set up in its own way, each in its own process."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import pytest

from tests.engine import apart
from tests.engine.figures import FIGURES, RECORDED, all_figures
from tests.warm.command import PYTHON, run


def run_apart(
    command: str, limit_s: float = 280, *, words: Sequence[str] = (), **environment: str
) -> dict[str, Any]:
    """What a command of ``apart`` prints, with ``words`` after its name."""
    quiet = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "HF_HUB_OFFLINE": "1",
    }
    done = run(
        [*PYTHON, "tests.engine.apart", command, *words], limit_s, os.environ | quiet | environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_a_second_engine_in_the_process_scores_as_the_first() -> None:
    """What is loaded for the first, vLLM looks through when it builds the second."""
    seen = run_apart("twice")
    assert seen["first"][1] is not None
    assert seen["second"] == seen["first"]


@pytest.fixture(scope="module")
def in_step(engine: Any) -> dict[str, Any]:
    return all_figures(engine, 1.0)


@pytest.fixture(scope="module")
def lagging() -> dict[str, Any]:
    return run_apart("lagging")


def test_the_asynchronous_scheduler_was_a_step_ahead(
    in_step: dict[str, Any], lagging: dict[str, Any]
) -> None:
    assert [s["scheduler"] for s in (in_step, lagging)] == [
        "SyncPruningScheduler",
        "AsyncPruningScheduler",
    ]
    assert [s["steps_at_once"] for s in (in_step, lagging)] == [1, 2]
    assert any(reason == "stop" for reason, _ in in_step["ends"])


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_the_same_under_asynchronous_scheduling(
    in_step: dict[str, Any], lagging: dict[str, Any], figure: str
) -> None:
    ours, theirs = flat(in_step[figure]), flat(lagging[figure])
    assert ours
    assert theirs == pytest.approx(ours, abs=1e-4)


def test_each_recorded_rollout_ends_with_its_last_token(lagging: dict[str, Any]) -> None:
    rows = iter(lagging["recorded"])
    for tokens in lagging["tokens"]:
        recorded = [*(n for n in RECORDED if n <= len(tokens)), len(tokens)]
        assert [next(rows)[0] for _ in recorded] == recorded
    assert next(rows, None) is None


def flat(values: Any) -> list[Any]:
    """Whatever nests, in a row; words by their hash."""
    if isinstance(values, list):
        return [leaf for value in values for leaf in flat(value)]
    return [values if isinstance(values, int | float) else hash(values)]


def test_an_idle_plugin_gives_the_same_tokens_as_plain_vllm(engine: Any, scheduler: Any) -> None:
    plain = run_apart("plain")
    assert plain["scheduler"] == "Scheduler"
    assert type(scheduler).__name__ == "SyncPruningScheduler"
    assert any(plain["tokens"])
    assert apart.tokens(engine) == plain["tokens"]


def test_groups_survive_preemption_under_a_tiny_kv_cache() -> None:
    tight = run_apart("tight")
    assert tight["preempted"] > 0
    assert len(tight["counts"]) == 24
    # Members that end before their last sibling is even scheduled are never at risk.
    assert all(40 <= count <= 120 for count in tight["counts"])
    assert 0 < sum(count < 120 for count in tight["counts"]) <= 12
    assert tight["leaked_blocks"] == 0
    assert tight["groups"] == 0
