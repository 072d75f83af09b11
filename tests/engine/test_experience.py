"""The trainer's rollouts on the real engine: replayable, pruned, and refilled where they teach nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from arrol_serve.answers.pool import AnswerPool
from tests.paths import MODEL
from trainer.config import load_config
from trainer.engines.local import LocalEngine
from trainer.engines.opening import Encoder
from trainer.engines.sampling import GroupRequest, sample_groups
from trainer.experience import ExperienceSampler, Takes
from trainer.groups.judged import Experience
from trainer.prompts.prompt import Prompt
from trainer.prompts.sources import open_source
from trainer.ranks import Ranks
from trainer.rewards.grader import Grader
from trainer.sections import ChatSection
from trainer.stopwatch import Stopwatch

ARROL = {"name": "arrol", "kappa": 0.5}


@pytest.fixture(scope="module")
def pool() -> Iterator[AnswerPool]:
    made = AnswerPool(workers=1, timeout_s=5.0)
    yield made
    made.close()


def experience(
    engine: Any,
    pool: AnswerPool,
    policy: dict[str, Any],
    *overrides: str,
    takes: Takes | None = None,
) -> Experience:
    settings = [
        *("rollout.prompts=2", "rollout.samples=8", "rollout.max_tokens=96", "prune.probes=[16]"),
        *("prune.min_survivors=3", "rollout.temperature=1.6", "data.levels=[5]", *overrides),
    ]
    config = load_config(None, settings)

    def policy_of(_: Prompt) -> tuple[dict[str, Any], float]:
        return policy, 0.5

    source = open_source(config.data, config.run.seed)
    grader = Grader(pool, config.reward)
    record = policy["name"] != "random"
    sampler = ExperienceSampler(
        engine=LocalEngine(engine),
        grader=grader,
        source=source,
        rollout=config.rollout,
        prune=config.prune,
        reward=config.reward,
        chat=config.chat,
        seed=config.run.seed,
        record=record,
        last_tokens=config.head.last_tokens,
        ranks=Ranks(),
    )
    return sampler.gather(0, policy_of, Stopwatch(), takes)


def ends(found: Experience) -> list[tuple[tuple[int, ...], bool, float]]:
    return [
        (rollout.sampled.token_ids, rollout.pruned, rollout.propensity)
        for group in found.groups
        for rollout in group.rollouts
    ]


def test_a_step_can_be_sampled_again_with_the_same_decisions(
    engine: Any, scheduler: Any, pool: AnswerPool
) -> None:
    first, again = (experience(engine, pool, ARROL) for _ in range(2))
    assert ends(first) == ends(again)
    assert any(pruned for _, pruned, _ in ends(first))


def test_propensities_are_those_of_the_rule(engine: Any, scheduler: Any, pool: AnswerPool) -> None:
    groups = experience(engine, pool, ARROL).groups
    at_risk = [r for group in groups for r in group.rollouts if r.sampled.report["probes"]]
    assert at_risk
    assert all(0.1 <= rollout.propensity <= 0.9 or rollout.propensity == 1 for rollout in at_risk)
    assert all(len(group.survivors) >= 3 for group in groups)


def test_both_ends_of_the_scores_survive_in_the_asked_number(
    engine: Any, scheduler: Any, pool: AnswerPool
) -> None:
    found = experience(engine, pool, {"name": "both_ends", "lean": 0.5})
    for group in found.groups:
        risked = [r for r in group.rollouts if r.sampled.report["probes"]]
        assert sum(not r.pruned for r in risked) == math.ceil(len(risked) / 2)
        scores = [r.sampled.report["probes"][0][1] for r in risked]
        assert max(r.propensity for r in risked) <= 0.9
        inner = sorted(zip(scores, [r.propensity for r in risked], strict=True))[len(risked) // 2]
        assert inner[1] < 0.5


def test_random_pruning_needs_no_scores(engine: Any, scheduler: Any, pool: AnswerPool) -> None:
    found = experience(engine, pool, {"name": "random", "keep": 0.5})
    for group in found.groups:
        propensities = {r.propensity for r in group.rollouts if r.sampled.report["probes"]}
        assert propensities == {0.5}
        assert sum(rollout.pruned for rollout in group.rollouts) == 4
    assert found.features.features == []


def test_survivors_come_with_logprobs_and_features(
    engine: Any, scheduler: Any, pool: AnswerPool
) -> None:
    found = experience(engine, pool, ARROL)
    survivors = [rollout.sampled for group in found.groups for rollout in group.survivors]
    assert all(len(s.logprobs) == s.token_count and s.prompt_ids for s in survivors)
    assert len(found.features.features) >= 2 * len(survivors)


def test_prompts_without_signal_are_refilled(engine: Any, scheduler: Any, pool: AnswerPool) -> None:
    easy = ("data.levels=[1]", "rollout.temperature=0.1", "rollout.dynamic_rounds=3")
    found = experience(engine, pool, {"name": "never"}, *easy)
    assert len(found.groups) > 2
    assert found.cursor == len(found.groups)
    assert [group.number for group in found.groups] == list(range(found.cursor))


def test_prompts_that_are_not_taken_are_passed_over(
    engine: Any, scheduler: Any, pool: AnswerPool
) -> None:
    never = {"name": "never"}
    found = experience(engine, pool, never, takes=lambda number, _: number % 3 == 2)
    assert [group.number for group in found.groups] == [2, 5]
    assert found.cursor == 6
    none = experience(engine, pool, never, takes=lambda _, __: False)
    assert [group.number for group in none.groups] == [100, 101]


def test_places_that_fall_free_are_taken_by_the_next_groups(
    engine: Any, scheduler: Any, pool: AnswerPool
) -> None:
    """12 groups of 8 for 64 places: one generation, the same rollouts as group by group, in fewer steps."""
    many = ("rollout.batches=6", "prune.probes=[8]")
    scheduled = scheduler.schedule
    steps: list[int] = []

    def counted(*args: Any, **options: Any) -> Any:
        output = scheduled(*args, **options)
        steps.append(output.total_num_scheduled_tokens)
        return output

    scheduler.schedule = counted
    try:
        found = experience(engine, pool, ARROL, *many)
        together = len(steps)
        alone = [experience(engine, pool, ARROL, "rollout.prompts=1", "prune.probes=[8]").groups[0]]
        single = len(steps) - together
    finally:
        scheduler.schedule = scheduled
    assert len(found.groups) == 12
    first = [r.sampled.token_ids for r in found.groups[0].rollouts]
    assert first == [r.sampled.token_ids for r in alone[0].rollouts]
    assert together < 4 * single  # 96 rollouts in 64 places, half of them pruned at 8


def test_groups_whose_first_ones_are_all_alike_are_seldom_sampled_in_full(
    engine: Any, scheduler: Any, pool: AnswerPool
) -> None:
    """Those that are have the rollouts and the features that they would have at once."""
    many = ("data.levels=[6]", "rollout.prompts=8", "rollout.temperature=1.2")
    never = {"name": "never"}
    at_once = experience(engine, pool, never, *many)
    found = experience(engine, pool, never, *many, "rollout.first=3", "rollout.flat_chance=0.5")
    assert {len(group.rollouts) for group in found.groups} == {3, 8}
    for group, full in zip(found.groups, at_once.groups, strict=True):
        assert group.whole == (len(group.rollouts) == 8)
        alike = len({one.correct for one in group.rollouts[:3]}) == 1
        assert [one.chance for one in group.rollouts[3:]] in ([], [0.5 if alike else 1] * 5)
        for one, other in zip(group.rollouts, full.rollouts, strict=False):
            assert one.sampled.token_ids == other.sampled.token_ids
            assert (one.sampled.group, one.sampled.index) == (
                other.sampled.group,
                other.sampled.index,
            )
    told = {key[:3]: key[3] for key in at_once.features.rows()}
    rows = {key[:3]: key[3] for key in found.features.rows()}
    asked = {(g.number, one.sampled.index) for g in found.groups for one in g.rollouts}
    assert {(int(name), index) for name, index, _ in rows} == asked
    assert all(torch.allclose(told[key], row, atol=1e-3) for key, row in rows.items())


def test_a_chat_reaches_the_engine_whole(engine: Any) -> None:
    chat = ChatSection(system="1+1", stop=("=",))
    question = "What is 2+3?"
    request = GroupRequest(
        "chat", question, seed=0, before=(("user", "2"), ("assistant", "3")), chat=chat
    )
    (group,) = sample_groups(engine, [request], 4, max_tokens=60)
    (bare,) = sample_groups(engine, [GroupRequest("bare", question, seed=0)], 4, max_tokens=60)
    assert {r.prompt_ids for r in group} == {tuple(Encoder(MODEL, {})(request.messages))}
    assert {r.prompt_ids for r in bare} != {r.prompt_ids for r in group}
    assert any("=" in r.text for r in bare)
    assert all("=" not in r.text for r in group)
    assert all(r.stop_reason == "=" for r in group if r.finish_reason == "stop" and r.stop_reason)
