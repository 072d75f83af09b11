"""Figures of a step, and what of it is trained on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.trainer.made_up import group, rollout
from trainer.config import load_config
from trainer.experience import train_rows
from trainer.learner import UpdateReport
from trainer.metrics import rollout_metrics, success_rate, update_metrics
from trainer.metrics_log import MetricsLog, read_metrics

MIXED = group(
    [rollout(True, 0.25), rollout(False, 0.5), rollout(True), rollout(None, 0.25, pruned=True)]
)
UNIFORM = group([rollout(True), rollout(True), rollout(None, 0.5, pruned=True)], number=1)


def test_rewards_are_weighted_back_to_what_they_were_without_pruning() -> None:
    assert success_rate(MIXED) == pytest.approx((5.0, 7.0))
    row = rollout_metrics([MIXED, UNIFORM])
    assert row["reward"] == pytest.approx(7 / 9)
    assert row["reward_var"] == pytest.approx((2 / 9 + 0) / 2)


def test_survival_is_counted() -> None:
    row = rollout_metrics([MIXED, UNIFORM])
    assert row["kept"] == pytest.approx(5 / 7)
    assert row["kept_at_risk"] == pytest.approx(2 / 4)
    assert row["ess"] == pytest.approx(9**2 / (5 * (16 + 4 + 1 + 1 + 1)))
    assert (row["groups"], row["groups_mixed"], row["groups_lost_to_pruning"]) == (2, 1, 1)
    assert row["tokens_generated"] == 28


def test_kept_positives_by_difficulty() -> None:
    row = rollout_metrics([MIXED, UNIFORM])  # 5/7 and 1: both are easy
    assert row["kept_positive/easy"] == pytest.approx(4 / 5)
    assert row["kept_positive/hard"] is None
    assert row["kept/easy"] == pytest.approx(5 / 7)
    assert row["kept/hard"] is None


def test_only_survivors_of_groups_with_signal_are_trained_on() -> None:
    rows = train_rows([MIXED, UNIFORM], load_config(None))
    assert [row.advantage > 0 for row in rows] == [True, False, True]
    assert all(row.weight == 1 for row in rows)


def test_dynamic_sampling_goes_by_verdicts_not_by_shaped_rewards() -> None:
    wrong = rollout(False)
    shaped = group([wrong, replace(wrong, reward=-0.5)])
    assert len(train_rows([shaped], load_config(None))) == 2
    assert train_rows([shaped], load_config(None, ["rollout.dynamic_rounds=3"])) == []


def test_snips_weights_reach_the_rows() -> None:
    rows = train_rows([MIXED], load_config(None, ["algorithm.correction=snips"]))
    assert [row.weight for row in rows] == pytest.approx([12 / 7, 6 / 7, 3 / 7])


def test_the_mismatch_is_the_k3_estimate() -> None:
    report = UpdateReport(steps=1, mismatch=[torch.tensor([0.0, 0.1]), torch.tensor([-0.1])])
    row = update_metrics([], report)
    expected = (torch.tensor([0.1, -0.1]).exp() - 1 - torch.tensor([0.1, -0.1])).sum() / 3
    assert row["mismatch_kl"] == pytest.approx(expected.item(), rel=1e-4)
    assert row["mismatch_max"] == pytest.approx(0.1)


def test_a_resumed_log_drops_what_a_killed_run_left(tmp_path: Path) -> None:
    lines = [json.dumps({"step": step}) for step in (1, 2, 3)]
    (tmp_path / "metrics.jsonl").write_text("\n".join([*lines, '{"step": 4, "rew']))
    log = MetricsLog(tmp_path, 2, load_config(None, ["run.steps=5"]))
    log.write({"step": 3, "reward": 0.5})
    log.close()
    assert read_metrics(tmp_path) == [{"step": 1}, {"step": 2}, {"step": 3, "reward": 0.5}]
