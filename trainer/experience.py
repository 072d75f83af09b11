"""From prompts to judged rollout groups: sampling with pruning in the engine, then rewards."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.engine.plugin.scorer import FeatureRecord
from arrol_serve.rollout import PRUNED_STOP_REASON
from trainer.advantages import group_advantages
from trainer.batch import TrainRow
from trainer.config import TrainConfig
from trainer.data import Prompt, PromptSource
from trainer.reward import judge, reward
from trainer.rollouts import GroupRequest, SampledRollout, sample_groups
from trainer.seeds import seed_for
from trainer.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True)
class JudgedRollout:
    """A rollout with its verdict; ``correct`` is None for a pruned one, and without a verdict."""

    sampled: SampledRollout
    correct: bool | None
    reward: float

    @property
    def pruned(self) -> bool:
        return self.sampled.stop_reason == PRUNED_STOP_REASON

    @property
    def propensity(self) -> float:
        """The probability with which it was let live at all its probes; 1: never at risk."""
        return math.prod(survival for _, _, survival in self.sampled.report.get("probes", ()))


@dataclass(frozen=True, slots=True)
class JudgedGroup:
    """All rollouts of one prompt. ``estimate``: its success rate as expected beforehand."""

    number: int
    prompt: Prompt
    estimate: float
    rollouts: tuple[JudgedRollout, ...]

    @property
    def survivors(self) -> list[JudgedRollout]:
        """Those that can be trained on."""
        return [rollout for rollout in self.rollouts if rollout.correct is not None]

    @property
    def mixed(self) -> bool:
        """Whether right and wrong ones survived; shaped rewards do not count."""
        return len({rollout.correct for rollout in self.survivors}) == 2


@dataclass(slots=True)
class Experience:
    """What one step sampled."""

    groups: list[JudgedGroup]
    features: FeatureRecord
    cursor: int
    """Number of the next prompt."""


PolicyOf = Callable[[Prompt], tuple[dict[str, Any], float]]
"""The survival policy for a prompt, and the prompt's expected success rate."""


def gather(
    engine: Any,
    pool: AnswerPool,
    source: PromptSource,
    cursor: int,
    policy_of: PolicyOf,
    config: TrainConfig,
    clock: Stopwatch,
    *,
    record: bool,
) -> Experience:
    """Sample ``rollout.prompts`` groups; with ``dynamic_rounds``, more while groups are not mixed.

    A round asks for as many prompts as are missing, so nothing is sampled in vain. Groups without
    signal stay in the result: the head and the posterior learn from them.
    """
    found = Experience([], FeatureRecord(), cursor)
    for _ in range(config.rollout.dynamic_rounds):
        missing = config.rollout.prompts - sum(group.mixed for group in found.groups)
        if missing <= 0:
            break
        numbers = range(found.cursor, found.cursor + missing)
        found.groups += _sample(
            engine, pool, source, numbers, policy_of, config, clock, record=record
        )
        found.cursor += missing
    if record:
        (found.features,) = engine.collective_rpc("arrol_take_features")
    return found


def _sample(
    engine: Any,
    pool: AnswerPool,
    source: PromptSource,
    numbers: Sequence[int],
    policy_of: PolicyOf,
    config: TrainConfig,
    clock: Stopwatch,
    *,
    record: bool,
) -> list[JudgedGroup]:
    prompts = [source.prompt(number) for number in numbers]
    policies = [policy_of(prompt) for prompt in prompts]
    requests = [
        GroupRequest(
            name=str(number),
            question=prompt.question,
            seed=seed_for(config.run.seed, "rollouts", number),
            temperature=config.rollout.temperature,
            probes=config.prune.probes,
            policy=policy,
            signals=("quality",) if policy["name"].startswith("arrol") else (),
            record=config.prune.probes if record else None,
            min_survivors=config.prune.min_survivors,
        )
        for number, prompt, (policy, _) in zip(numbers, prompts, policies, strict=True)
    ]
    with clock.phase("generate"):
        sampled = sample_groups(
            engine,
            requests,
            config.rollout.samples,
            max_tokens=config.rollout.max_tokens,
            logprobs=True,
        )
    with clock.phase("reward"):
        judged = _judge(pool, prompts, sampled, config)
    return [
        JudgedGroup(number, prompt, estimate, rollouts)
        for number, prompt, (_, estimate), rollouts in zip(
            numbers, prompts, policies, judged, strict=True
        )
    ]


def _judge(
    pool: AnswerPool,
    prompts: Sequence[Prompt],
    sampled: Sequence[Sequence[SampledRollout]],
    config: TrainConfig,
) -> list[tuple[JudgedRollout, ...]]:
    ended = [
        (rollout.text, prompt.gold)
        for prompt, group in zip(prompts, sampled, strict=True)
        for rollout in group
        if rollout.stop_reason != PRUNED_STOP_REASON
    ]
    verdicts = iter(judge(pool, ended))
    longest = config.rollout.max_tokens
    groups = []
    for group in sampled:
        rollouts = []
        for rollout in group:
            pruned = rollout.stop_reason == PRUNED_STOP_REASON
            correct = None if pruned else next(verdicts)
            value = (
                0.0
                if correct is None
                else reward(correct, rollout.token_count, longest, config.reward)
            )
            rollouts.append(JudgedRollout(rollout, correct, value))
        groups.append(tuple(rollouts))
    return groups


def train_rows(groups: Sequence[JudgedGroup], config: TrainConfig) -> list[TrainRow]:
    """The survivors of every group that teaches something, with advantages over survivors alone."""
    options, rows = config.algorithm, []
    for group in groups:
        survivors = group.survivors
        found = group_advantages(
            [rollout.reward for rollout in survivors],
            [rollout.propensity for rollout in survivors],
            snips=options.correction == "snips",
            divide=not options.dr_grpo,
        )
        if found is None:
            continue
        rows += [
            TrainRow(
                rollout.sampled.prompt_ids,
                rollout.sampled.token_ids,
                rollout.sampled.logprobs,
                advantage,
                weight,
            )
            for rollout, advantage, weight in zip(
                survivors, found.advantages, found.weights, strict=True
            )
        ]
    return rows
