"""Figures of a step, and what of it is trained on."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.trainer.made_up import group, rollout
from trainer.config import load_config
from trainer.experience import train_rows
from trainer.policy.report import UpdateReport
from trainer.pruning.online_head import _figures
from trainer.run.log import MetricsLog, read_metrics
from trainer.run.metrics import rollout_metrics, success_rate, update_metrics
from trainer.sections import AlgorithmSection
from trainer.stopwatch import Stopwatch

MIXED = group(
    [rollout(True, 0.25), rollout(False, 0.5), rollout(True), rollout(None, 0.25, pruned=True)]
)
UNIFORM = group([rollout(True), rollout(True), rollout(None, 0.5, pruned=True)], number=1)
PLAIN, SNIPS = AlgorithmSection(), AlgorithmSection(correction="snips")


def test_rewards_are_weighted_back_to_what_they_were_without_pruning() -> None:
    assert success_rate(MIXED) == pytest.approx((5.0, 7.0))
    row = rollout_metrics([MIXED, UNIFORM])
    assert row["reward"] == pytest.approx(7 / 9)
    assert row["shaped_reward"] == pytest.approx(7 / 9)
    halved = group([replace(one, reward=one.reward / 2 - 1) for one in MIXED.rollouts])
    assert rollout_metrics([halved])["shaped_reward"] == pytest.approx((5 * -0.5 + 2 * -1) / 7)
    assert row["reward_var"] == pytest.approx((2 / 9 + 0) / 2)


def test_survival_is_counted() -> None:
    row = rollout_metrics([MIXED, UNIFORM])
    assert row["kept"] == pytest.approx(5 / 7)
    assert row["kept_at_risk"] == pytest.approx(2 / 4)
    assert row["ess"] == pytest.approx(9**2 / (5 * (16 + 4 + 1 + 1 + 1)))
    assert (row["groups"], row["groups_mixed"], row["groups_lost_to_pruning"]) == (2, 1, 1)
    assert row["tokens_generated"] == 28


def test_lengths_and_entropy_are_those_without_pruning() -> None:
    """Survivors of 4, 6 and 10 tokens that count 1, 2 and 4 times, at 1, 2 and 0.5 nats a token."""
    made = [rollout(True, tokens=4), rollout(False, 0.5, tokens=6), rollout(True, 0.25, tokens=10)]
    nats = [1.0, 2.0, 0.5]
    sampled = [
        replace(one, sampled=replace(one.sampled, logprobs=(-each,) * one.sampled.token_count))
        for one, each in zip(made, nats, strict=True)
    ]
    row = rollout_metrics([group([*sampled, rollout(None, 0.5, pruned=True, tokens=50)])])
    assert row["length"] == pytest.approx((4 + 2 * 6 + 4 * 10) / 7)
    assert row["length/right"] == pytest.approx((4 + 4 * 10) / 5)
    assert row["length/wrong"] == pytest.approx(6)
    assert row["length/longest"] == 10
    assert row["entropy"] == pytest.approx((4 * 1 + 2 * 6 * 2 + 4 * 10 * 0.5) / (4 + 12 + 40))


def test_kept_positives_by_difficulty() -> None:
    row = rollout_metrics([MIXED, UNIFORM])  # 5/7 and 1: both are easy
    assert row["kept_positive/easy"] == pytest.approx(4 / 5)
    assert row["kept_positive/hard"] is None
    assert row["kept/easy"] == pytest.approx(5 / 7)
    assert row["kept/hard"] is None


def test_only_survivors_of_groups_with_signal_are_trained_on() -> None:
    rows = train_rows([MIXED, UNIFORM], PLAIN, dynamic=False)
    assert [row.advantage > 0 for row in rows] == [True, False, True]
    assert all(row.weight == 1 for row in rows)


def test_dynamic_sampling_goes_by_verdicts_not_by_shaped_rewards() -> None:
    wrong = rollout(False)
    shaped = group([wrong, replace(wrong, reward=-0.5)])
    assert len(train_rows([shaped], PLAIN, dynamic=False)) == 2
    assert train_rows([shaped], PLAIN, dynamic=True) == []


def test_snips_weights_reach_the_rows() -> None:
    rows = train_rows([MIXED], SNIPS, dynamic=False)
    assert [row.weight for row in rows] == pytest.approx([12 / 7, 6 / 7, 3 / 7])


def test_the_mismatch_is_the_k3_estimate() -> None:
    report = UpdateReport(steps=1, mismatch=[torch.tensor([0.0, 0.1]), torch.tensor([-0.1])])
    row = update_metrics([], report)
    expected = (torch.tensor([0.1, -0.1]).exp() - 1 - torch.tensor([0.1, -0.1])).sum() / 3
    assert row["mismatch_kl"] == pytest.approx(expected.item(), rel=1e-4)
    assert row["mismatch_max"] == pytest.approx(0.1)


def test_tokens_trained_are_those_of_survivors_with_signal() -> None:
    rows = train_rows([MIXED, UNIFORM], PLAIN, dynamic=False)
    row = update_metrics(rows, UpdateReport(steps=2, loss=3.0, grad_norm=1.0))
    assert (row["rollouts_trained"], row["tokens_trained"]) == (3, 12)
    assert (row["loss"], row["grad_norm"]) == (1.5, 0.5)


def test_rollouts_without_a_verdict_are_counted_by_reason() -> None:
    broken = [replace(rollout(None), problem=kind) for kind in ("timeout", "raised", "raised")]
    row = rollout_metrics([group([*broken, rollout(True), rollout(None, 0.5, pruned=True)])])
    assert row["no_verdict"] == 3
    assert (row["reward_problems/timeout"], row["reward_problems/raised"]) == (1, 2)
    assert row["reward_problems/nonsense"] == 0
    assert row["reward"] == 1.0


def test_buckets_go_by_the_rate_before_pruning() -> None:
    """1/4 and 3/4 weighted: the survivors alone would say 1/2 of both."""
    hard = group([rollout(True), rollout(False, 1 / 3)])
    easy = group([rollout(True, 1 / 3), rollout(False)])
    row = rollout_metrics([hard, easy])
    assert (row["kept_positive/hard"], row["kept_positive/easy"]) == (0.5, 0.5)
    assert row["kept_positive/medium"] is None


def test_the_head_is_judged_by_hand_worked_figures() -> None:
    """(0.8, 0.6, 0.4, 0.3) against (1, 0, 1, 0): three pairs of four in order, each alone in its bin."""
    probability = torch.tensor([0.8, 0.6, 0.4, 0.3], dtype=torch.float64)
    label = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    place, group, weight = torch.tensor([32.0, 0.0, 1.0], dtype=torch.float64).expand(4, 3).T
    figures = _figures(torch.stack([torch.logit(probability), label, place, group, weight], 1))
    assert figures["head/auc"] == pytest.approx(0.75)
    assert figures["head/auc_within_group"] == pytest.approx(0.75)
    assert figures["head/accuracy"] == pytest.approx(0.5)
    assert figures["head/ece"] == pytest.approx((0.2 + 0.6 + 0.6 + 0.3) / 4)


def test_a_step_s_phases_add_up_within_its_total() -> None:
    clock = Stopwatch()
    for name in ("generate", "reward", "generate"):
        with clock.phase(name):
            time.sleep(0.01)
    row = clock.row()
    names = {"generate", "reward", "total"}
    assert row.keys() == {f"{kind}/{n}" for kind in ("seconds", "seconds_cpu") for n in names}
    assert row["seconds/generate"] >= 0.02
    assert row["seconds/total"] >= row["seconds/generate"] + row["seconds/reward"]
    assert row["seconds_cpu/generate"] < 0.02  # it slept


def test_a_phase_inside_another_counts_for_itself_alone() -> None:
    clock = Stopwatch()
    with clock.phase("update"):
        for _ in range(2):
            with clock.phase("logprob"):
                end = time.process_time() + 0.05
                while time.process_time() < end:
                    pass
    row = clock.row()
    assert row["seconds_cpu/logprob"] >= 0.1
    assert row["seconds_cpu/update"] < 0.05
    assert row["seconds/update"] + row["seconds/logprob"] <= row["seconds/total"]


def test_a_resumed_log_drops_what_a_killed_run_left(tmp_path: Path) -> None:
    lines = [json.dumps({"step": step}) for step in (1, 2, 3)]
    (tmp_path / "metrics.jsonl").write_text("\n".join([*lines, '{"step": 4, "rew']))
    log = MetricsLog(tmp_path, 2, load_config(None, ["run.steps=5"]))
    log.write({"step": 3, "reward": 0.5})
    log.close()
    first, second, third = read_metrics(tmp_path)
    assert [first, second] == [{"step": 1}, {"step": 2}]
    assert third == {"step": 3, "time": third["time"], "reward": 0.5}


def test_each_reward_function_has_its_mean_over_all_rollouts() -> None:
    one = replace(rollout(True, 0.5), parts={"math": 1.0, "form": 0.2})
    other = replace(rollout(False), parts={"math": 0.0})
    row = rollout_metrics([group([one, other, rollout(None, 0.5, pruned=True)])])
    assert row["reward/math"] == pytest.approx(2 / 3)  # the first stands for the pruned one too
    assert row["reward/form"] == pytest.approx(0.2)
