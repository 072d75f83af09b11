"""Survival policies carried out inside the real engine."""

from __future__ import annotations

from typing import Any

import pytest

from arrol_serve.rollout import BUDGET_STOP_REASON, PRUNED_STOP_REASON
from tests.engine.groups import ask, free_blocks, pruned, run_fixed

QUESTION = "What is 347*62-35+48-19?"


def test_half_a_group_is_pruned_at_the_probe_and_tokens_are_as_computed(
    engine: Any, scheduler: Any
) -> None:
    groups = run_fixed(engine, groups=4, size=16, tokens=64, probe=16, policy=("random", 0.5))
    counts = sorted(r.token_count for group in groups for r in group)
    assert counts == [16] * 32 + [64] * 32


def test_the_best_scores_survive(engine: Any, scheduler: Any) -> None:
    (group,) = ask(engine, QUESTION, probes=(20,), policy=("top_fraction", 0.25), size=16)
    at_probe = {r.index: r.report["probes"][0][1] for r in group if r.report["probes"]}
    ended = {r.index for r in group if pruned(r)}
    survivors = set(at_probe) - ended
    assert len(at_probe) == 16
    assert len(survivors) == 4
    assert min(at_probe[i] for i in survivors) >= max(at_probe[i] for i in ended)


def test_two_probes_prune_twice(engine: Any, scheduler: Any) -> None:
    groups = run_fixed(
        engine, groups=1, size=16, tokens=48, probe=(8, 16), policy=("top_fraction", 0.25)
    )
    counts = sorted(r.token_count for r in groups[0])
    assert counts == [8] * 8 + [16] * 4 + [48] * 4


def test_a_pruned_rollout_stops_and_keeps_its_partial_text(engine: Any, scheduler: Any) -> None:
    (group,) = ask(engine, QUESTION, probes=(12,), policy=("random", 0.5), size=8)
    ended = [r for r in group if r.stop_reason == PRUNED_STOP_REASON]
    assert len(ended) == 4
    assert all(r.finish_reason == "stop" and r.token_count == 12 and r.text for r in ended)


def test_pruned_kv_blocks_return_to_the_pool(engine: Any, scheduler: Any) -> None:
    before = free_blocks(scheduler)
    run_fixed(engine, groups=4, size=16, tokens=96, probe=40, policy=("random", 0.25))
    assert free_blocks(scheduler) == before


def test_blocks_are_free_at_once_while_siblings_go_on(engine: Any, scheduler: Any) -> None:
    before = free_blocks(scheduler)
    used = []
    run_fixed(
        engine,
        groups=1,
        size=16,
        tokens=64,
        probe=32,
        policy=("random", 0.25),
        each_step=lambda: used.append((len(scheduler.running), before - free_blocks(scheduler))),
    )
    full = max(blocks for running, blocks in used if running == 16)
    after = [blocks for running, blocks in used if running == 4]
    assert after
    assert after[0] < full / 2


def test_survivors_sample_the_same_tokens_as_without_pruning(engine: Any, scheduler: Any) -> None:
    (alone,) = ask(engine, QUESTION, size=8, seed=11)
    (cut,) = ask(engine, QUESTION, probes=(10,), policy=("random", 0.5), size=8, seed=11)
    survivors = [r.index for r in cut if not pruned(r)]
    assert len(survivors) == 4
    assert [cut[i].text for i in survivors] == [alone[i].text for i in survivors]


def test_decisions_replay(engine: Any, scheduler: Any) -> None:
    runs = [
        ask(engine, QUESTION, probes=(10,), policy=("arrol", None), size=16, seed=3)[0]
        for _ in range(2)
    ]
    ended = [[pruned(r) for r in run] for run in runs]
    assert ended[0] == ended[1]
    assert any(ended[0])
    assert not all(ended[0])


def test_a_group_stops_at_its_token_cap(engine: Any, scheduler: Any) -> None:
    (group,) = run_fixed(engine, groups=1, size=8, tokens=64, probe=(), policy=None, cap=160)
    assert {r.stop_reason for r in group} == {BUDGET_STOP_REASON}
    assert {r.finish_reason for r in group} == {"length"}
    assert sum(r.token_count for r in group) == 160


def test_64_rollouts_of_mixed_plans_keep_to_their_groups(engine: Any, scheduler: Any) -> None:
    plans = [
        {"probes": (12,), "policy": ("random", 0.5)},
        {"probes": (12,), "policy": ("top_fraction", 0.25)},
        {"probes": (8, 16, 24), "policy": ("successive_halving", 0.5)},
        {},
    ]
    from tests.engine.groups import ask_many

    groups = ask_many(engine, [{**plan, "question": QUESTION, "size": 16} for plan in plans])
    assert [len(group) for group in groups] == [16] * 4
    assert [sum(map(pruned, group)) for group in groups] == [8, 12, 14, 0]


@pytest.mark.parametrize("steps", [1, 5, 30])
def test_an_aborted_group_leaves_nothing(engine: Any, scheduler: Any, steps: int) -> None:
    from tests.engine.groups import start

    before = free_blocks(scheduler)
    ids = start(engine, QUESTION, size=8, probes=(20,), policy=("top_fraction", 0.5))
    for _ in range(steps):
        engine.llm_engine.step()
    engine.llm_engine.abort_request(ids, internal=False)
    while engine.llm_engine.has_unfinished_requests():
        engine.llm_engine.step()
    assert free_blocks(scheduler) == before


def test_an_abort_settles_the_decision_that_waited_for_it(engine: Any, scheduler: Any) -> None:
    from tests.engine.groups import drain, start

    ids = start(engine, QUESTION, size=4, probes=(6,), policy=("top_fraction", 0.5), tokens=24)
    engine.llm_engine.step()
    engine.llm_engine.abort_request(ids[:1], internal=False)
    outputs = drain(engine)
    reasons = [o.outputs[0].stop_reason for o in outputs]
    assert reasons.count(PRUNED_STOP_REASON) == 1


def test_the_engine_tells_how_many_groups_live(engine: Any, scheduler: Any) -> None:
    (group,) = ask(engine, QUESTION, size=4)
    assert min(r.report["groups"] for r in group) == 0
