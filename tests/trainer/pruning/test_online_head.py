"""The head that learns on the fly, and the survival rule made from what it knows."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

from arrol_serve.engine.plugin.recording import FeatureRecord
from arrol_serve.pruning.registry import policy_from_spec
from arrol_serve.pruning.survival import GroupView
from arrol_serve.quality.calibration import auc
from arrol_serve.quality.posterior import BinnedPosterior
from arrol_serve.quality.statistics import STATISTICS
from tests.trainer.made_up import group, rollout
from trainer.pruning.history import SuccessHistory
from trainer.pruning.online_head import FINAL, UNKNOWN, HeadRows, OnlineHead, head_rows
from trainer.pruning.survival import Knowledge, survival_spec
from trainer.sections import HeadSection, PruneSection

HIDDEN = 4
HEAD = HeadSection(bins=8, lr=1e-2, rows=64, window=1000)
KNOWLEDGE = Knowledge([(0.1, 0.4, 0.6, 0.9)], [0.05])


def rows_of(seed: int, count: int = 200) -> HeadRows:
    """Rollouts that end right where their first feature is positive."""
    features = torch.randn(
        count, HIDDEN + len(STATISTICS), generator=torch.Generator().manual_seed(seed)
    )
    ones = torch.ones(count, dtype=torch.float64)
    label = (features[:, 0] > 0).double()
    return HeadRows(features, label, 32 * ones, torch.arange(count) // 8, ones)


def online(mode: str = "arrol", **changes: Any) -> OnlineHead:
    prune = PruneSection.model_validate({"mode": mode, "cold_start": 3, "probes": (32,), **changes})
    return OnlineHead(HIDDEN, HEAD, prune, seed=0)


def test_it_learns_and_is_judged_on_what_it_has_not_seen() -> None:
    head = online()
    figures = [head.learn(rows_of(step), step) for step in range(8)]
    assert abs(figures[0]["head/auc"] - 0.5) < 0.3
    assert figures[-1]["head/auc"] > 0.95
    ((low, *_, high),) = head.knowledge.posterior
    assert low < 0.3 < 0.7 < high


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


def signed_survivors(groups: int = 3000) -> tuple[Any, ...]:
    """Scores, labels and 1 / propensity of everyone, and who survived the rule that asks siblings."""
    rng = np.random.default_rng(0)
    policy: Any = policy_from_spec({"name": "arrol_signed", "lam": 2.0, "p_min": 0.1})
    level = rng.uniform(0.1, 0.9, groups)
    q = np.clip(level[:, None] + rng.normal(0, 0.15, (groups, 16)), 0.01, 0.99)
    scores, right = np.log(q / (1 - q)), rng.uniform(0, 1, q.shape) < q
    survival, alive = np.ones(q.shape), np.ones(q.shape, bool)
    for number, row in enumerate(scores):
        view = GroupView(16, 0, 1, 16, 0, 0, 1, seed=number)
        for index, verdict in policy.judge(dict(enumerate(row.tolist())), view).items():
            survival[number, index], alive[number, index] = verdict.survival, verdict.survives
    return scores.ravel(), right.ravel(), 1 / survival.ravel(), alive.ravel()


def test_survivors_that_siblings_decided_on_give_the_posterior_of_everyone_when_weighted() -> None:
    scores, right, weights, alive = signed_survivors()
    everyone, plain, weighted = (BinnedPosterior(bins=8) for _ in range(3))
    everyone.observe(scores, right)
    plain.observe(scores[alive], right[alive])
    weighted.observe(scores[alive], right[alive], weights[alive])
    truth = everyone.posterior()
    assert np.abs(weighted.posterior() - truth).mean() < 0.012
    assert np.abs(weighted.posterior() - truth).mean() < np.abs(plain.posterior() - truth).mean()


def test_the_heads_figures_are_those_of_everyone() -> None:
    """Pruning towards the middle makes survivors harder to tell apart."""
    scores, right, weights, alive = signed_survivors()
    whole = auc(scores, right)
    assert auc(scores[alive], right[alive]) < whole - 0.02
    assert auc(scores[alive], right[alive], weights[alive]) == pytest.approx(whole, abs=0.01)


def test_the_head_learns_what_everyone_is_like_from_survivors() -> None:
    """Nothing tells rollouts apart, half are right, and of the right ones one in five survives."""
    head = OnlineHead(HIDDEN, HEAD, PruneSection(probes=(32,)), seed=0)
    alive = torch.tensor([1.0] * 20 + [0.0] * 100, dtype=torch.float64)
    weight = torch.where(alive == 1, 5.0, 1.0).double()
    features = torch.zeros(120, HIDDEN + len(STATISTICS))
    rows = HeadRows(features, alive, torch.full_like(alive, 32), torch.arange(120) // 8, weight)
    for step in range(12):
        head.learn(rows, step)
    chance = torch.sigmoid(head._scores(features[:1])).item()
    assert chance == pytest.approx(0.5, abs=0.06)


def test_each_probe_has_a_posterior_and_a_shift_of_its_own() -> None:
    """At 8 tokens nothing is known, at 32 all: one table for both would be wrong at either."""
    head = online(keep=0.49, probes=(8, 32))
    for step in range(8):
        late = rows_of(step)
        noise = torch.Generator().manual_seed(100 + step)
        features = torch.cat([torch.randn(late.features.shape, generator=noise), late.features])
        features[: len(late.label), 0] = 0.0
        place = torch.cat([torch.full_like(late.place, 8), late.place])
        label, group, weight = (torch.cat([v, v]) for v in (late.label, late.group, late.weight))
        head.learn(HeadRows(features, label, place, group, weight), step)
    early, last = head.knowledge.posterior
    assert last[-1] - last[0] > 0.5
    policy: Any = policy_from_spec(survival_spec(head._prune, 99, head.knowledge, 0.5))
    for probe, tokens in enumerate((8, 32)):
        scores = head._scores(head._features[head._facts[:, 1] == tokens]).tolist()
        mean = sum(policy.survival(score, probe) for score in scores) / len(scores)
        assert mean == pytest.approx(0.7, abs=1e-3)
    assert max(early) - min(early) < max(last) - min(last)


def test_its_state_goes_on_exactly() -> None:
    one, other = online(), online()
    one.learn(rows_of(0), 0)
    other.load_state(deepcopy(one.state()))
    assert one.learn(rows_of(1), 1) == other.learn(rows_of(1), 1)
    assert one.knowledge == other.knowledge
    assert all(map(torch.equal, one.head.state_dict().values(), other.head.state_dict().values()))


def test_pruned_rollouts_count_at_their_probe_and_have_no_label() -> None:
    pruned = rollout(None, 0.5, pruned=True, tokens=2)
    judged = group([rollout(True, 0.5), pruned], number=7, estimate=0.3)
    features = [torch.full((HIDDEN + len(STATISTICS),), float(i)) for i in range(4)]
    record = FeatureRecord(["7"] * 4, [0, 1, 1, 0], [2, 2, 2, 4], features)
    rows = head_rows(record, [judged])
    assert rows is not None
    assert rows.label.tolist() == [1.0, 1.0, UNKNOWN]
    assert rows.place.tolist() == [2, FINAL, 2]
    assert rows.features[:, 0].tolist() == [0, 3, 1]
    assert rows.weight.tolist() == [2, 2, 2]


def test_without_last_tokens_every_row_is_one_of_a_probe() -> None:
    """Also of a rollout that was pruned there, and of one that ended there by itself."""
    pruned = rollout(None, 0.5, pruned=True, tokens=2)
    judged = group([rollout(True, 0.5, tokens=2), pruned], number=7, estimate=0.3)
    features = [torch.zeros(HIDDEN + len(STATISTICS))] * 2
    record = FeatureRecord(["7"] * 2, [0, 1], [2, 2], features)
    rows = head_rows(record, [judged], False)
    assert rows is not None
    assert rows.place.tolist() == [2, 2]
    assert rows.label.tolist() == [1.0, UNKNOWN]


def test_a_probe_is_not_taken_for_the_last_token_that_was_not_recorded() -> None:
    features = [torch.zeros(HIDDEN + len(STATISTICS))]
    rows = head_rows(FeatureRecord(["0"], [0], [2], features), [group([rollout(True, tokens=4)])])
    assert rows is not None
    assert rows.place.tolist() == [2]


def test_a_step_with_a_single_row_is_learned_from() -> None:
    """Only one rollout came to the probe: one row has no spread."""
    head = online()
    rows = rows_of(0)
    one = HeadRows(*(getattr(rows, f.name)[:1] for f in fields(rows)))
    head.learn(one, 0)
    head.learn(rows_of(1), 1)
    assert all(value.isfinite().all() for value in head.head.state_dict().values())


def test_rows_that_come_after_the_cold_start_set_its_scale_once() -> None:
    """Replies may be shorter than the first probe until then."""
    head, large = online(), rows_of(0)
    large.features[:] = 1000 + 50 * large.features
    for step in range(9, 16):
        figures = head.learn(large, step)
        mean = head.head.input_mean.clone()
        large.features[:] += 1
    assert figures["head/auc"] > 0.8
    assert 999 < float(mean.mean()) < 1001


def test_few_rows_are_no_scale_yet() -> None:
    """Two siblings with the same text up to the probe have no spread at all."""
    head = online()
    twins = HeadRows(
        *(getattr(rows_of(1), f.name)[:1].repeat_interleave(2, 0) for f in fields(rows_of(1)))
    )
    head.learn(twins, 9)
    figures = [head.learn(rows_of(step), step) for step in range(10, 20)]
    assert figures[-1]["head/auc"] > 0.95
    state = head.state()
    again = online()
    again.load_state(state)
    assert again.state()["scaled_by"] == state["scaled_by"] >= HEAD.rows


def test_nothing_recorded_is_no_rows() -> None:
    assert head_rows(FeatureRecord(), []) is None


@pytest.mark.parametrize(("mode", "step"), [("none", 50), ("arrol", 19), ("random", 0)])
def test_nobody_is_pruned_without_pruning_or_in_the_cold_start(mode: str, step: int) -> None:
    config = PruneSection.model_validate({"mode": mode})
    assert survival_spec(config, step, KNOWLEDGE, 0.5) == {"name": "never"}


def test_a_signed_rule_is_centred_by_its_group_and_told_of_the_prompt() -> None:
    spec = survival_spec(PruneSection(mode="arrol_signed", cold_start=0), 0, KNOWLEDGE, 0.2)
    assert (spec["delta"], spec["prompt_mean"]) == (0.0, 0.2)
    assert survival_spec(PruneSection(cold_start=0), 0, KNOWLEDGE, 0.2)["delta"] == [0.05]


def test_both_ends_has_what_leaning_needs() -> None:
    config = PruneSection(mode="both_ends", cold_start=0, lean=0.5, keep=0.25, probes=(8, 16))
    policy: Any = policy_from_spec(survival_spec(config, 0, KNOWLEDGE, 0.2))
    assert (policy.keep, policy.lean, policy.prompt_mean) == (0.25, 0.5, 0.2)
    assert policy.posterior == tuple(map(tuple, KNOWLEDGE.posterior))


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
