"""The head that learns on the fly, and the survival rule made from what it knows."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

from arrol_serve.engine.plugin.scorer import FeatureRecord
from arrol_serve.pruning.registry import policy_from_spec
from arrol_serve.quality.posterior import BinnedPosterior
from arrol_serve.quality.statistics import STATISTICS
from tests.trainer.made_up import group, rollout
from trainer.pruning.history import SuccessHistory
from trainer.pruning.online_head import FINAL, UNKNOWN, HeadRows, OnlineHead, head_rows
from trainer.pruning.survival import Knowledge, survival_spec
from trainer.sections import HeadSection, PruneSection

HIDDEN = 4
HEAD = HeadSection(bins=8, lr=1e-2, rows=64, window=1000)
KNOWLEDGE = Knowledge((0.1, 0.4, 0.6, 0.9), 0.05)


def rows_of(seed: int, count: int = 200) -> HeadRows:
    """Rollouts that end right where their first feature is positive."""
    features = torch.randn(
        count, HIDDEN + len(STATISTICS), generator=torch.Generator().manual_seed(seed)
    )
    ones = torch.ones(count, dtype=torch.float64)
    label = (features[:, 0] > 0).double()
    return HeadRows(features, label, 32 * ones, torch.arange(count) // 8)


def online(mode: str = "arrol", **changes: Any) -> OnlineHead:
    prune = PruneSection.model_validate({"mode": mode, "cold_start": 3, **changes})
    return OnlineHead(HIDDEN, HEAD, prune, seed=0)


def test_it_learns_and_is_judged_on_what_it_has_not_seen() -> None:
    head = online()
    figures = [head.learn(rows_of(step), step) for step in range(8)]
    assert abs(figures[0]["head/auc"] - 0.5) < 0.3
    assert figures[-1]["head/auc"] > 0.95
    assert head.knowledge.posterior[0] < 0.3 < 0.7 < head.knowledge.posterior[-1]


def test_the_mean_survival_is_the_share_to_keep() -> None:
    head = online(keep=0.6, lam=0.8)
    for step in range(6):
        head.learn(rows_of(step), step)
    policy: Any = policy_from_spec(
        survival_spec(PruneSection(keep=0.6, lam=0.8), 99, head.knowledge, 0.5)
    )
    window = head._features
    p = [policy.survival(score) for score in head._scores(window).tolist()]
    assert sum(p) / len(p) == pytest.approx(0.6, abs=1e-3)


def test_the_posterior_of_survivors_is_that_of_everyone() -> None:
    """Scores are true logits and pruning follows them; a bin's success rate must not move."""
    rng = np.random.default_rng(0)
    posterior = BinnedPosterior(bins=4)
    policy: Any = policy_from_spec({"name": "arrol", "lam": 0.8})
    truth = rng.uniform(0, 1, 40_000)
    scores = np.log(truth / (1 - truth))
    right = rng.uniform(0, 1, len(truth)) < truth
    alive = rng.uniform(0, 1, len(truth)) < np.array([policy.survival(s) for s in scores])
    posterior.observe(scores[alive], right[alive])
    assert posterior.posterior() == pytest.approx([0.125, 0.375, 0.625, 0.875], abs=0.03)


def test_its_state_goes_on_exactly() -> None:
    one, other = online(), online()
    one.learn(rows_of(0), 0)
    other.load_state(deepcopy(one.state()))
    assert one.learn(rows_of(1), 1) == other.learn(rows_of(1), 1)
    assert one.knowledge == other.knowledge
    assert all(map(torch.equal, one.head.state_dict().values(), other.head.state_dict().values()))


def test_pruned_rollouts_count_at_their_probe_and_have_no_label() -> None:
    judged = group([rollout(True, 0.5), rollout(None, 0.5, pruned=True)], number=7, estimate=0.3)
    features = [torch.full((HIDDEN + len(STATISTICS),), float(i)) for i in range(4)]
    record = FeatureRecord(["7"] * 4, [0, 1, 1, 0], [2, 2, 2, 4], features)
    rows = head_rows(record, [judged])
    assert rows is not None
    assert rows.label.tolist() == [1.0, 1.0, UNKNOWN]
    assert rows.place.tolist() == [2, FINAL, 2]
    assert rows.features[:, 0].tolist() == [0, 3, 1]


def test_nothing_recorded_is_no_rows() -> None:
    assert head_rows(FeatureRecord(), []) is None


@pytest.mark.parametrize(("mode", "step"), [("none", 50), ("arrol", 19), ("random", 0)])
def test_nobody_is_pruned_without_pruning_or_in_the_cold_start(mode: str, step: int) -> None:
    config = PruneSection.model_validate({"mode": mode})
    assert survival_spec(config, step, KNOWLEDGE, 0.5) == {"name": "never"}


def test_a_signed_rule_is_centred_by_its_group_and_told_of_the_prompt() -> None:
    spec = survival_spec(PruneSection(mode="arrol_signed", cold_start=0), 0, KNOWLEDGE, 0.2)
    assert (spec["delta"], spec["prompt_mean"]) == (0.0, 0.2)
    assert survival_spec(PruneSection(cold_start=0), 0, KNOWLEDGE, 0.2)["delta"] == 0.05


def test_several_probes_share_what_is_to_be_kept() -> None:
    config = PruneSection(cold_start=0, keep=0.25, probes=(8, 16))
    assert survival_spec(config, 0, KNOWLEDGE, 0.5)["kappa"] == pytest.approx(0.5)
    random = PruneSection(mode="random", cold_start=0, keep=0.25, probes=(8, 16))
    assert survival_spec(random, 0, KNOWLEDGE, 0.5) == {"name": "random", "keep": 0.25}


def test_estimates_go_from_the_general_to_the_particular() -> None:
    history = SuccessHistory()
    assert history.estimate("a", "x") == 0.5
    history.add("a", "x", successes=0.0, rollouts=16.0)
    # 1/2 -> 2/20 for all -> (4 * 0.1)/20 for the kind -> (4 * 0.02)/20 for the prompt.
    assert history.estimate("b", "y") == pytest.approx(0.1)
    assert history.estimate("b", "x") == pytest.approx(0.02)
    assert history.estimate("a", "x") == pytest.approx(0.004)
