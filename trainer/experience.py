"""From prompts to judged rollout groups: sampling with pruning in the engine, then rewards."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from arrol_serve.engine.plugin.recording import FeatureRecord
from arrol_serve.rollout import PRUNED_STOP_REASON
from trainer.engines.base import RolloutEngine
from trainer.engines.sampling import GroupRequest, SampledRollout
from trainer.policy.advantages import group_advantages, without_signal
from trainer.policy.batch import TrainRow
from trainer.policy.down_sampling import most_varied
from trainer.prompts.prompt import Prompt, PromptSource
from trainer.ranks import Ranks
from trainer.rewards.grader import Grade, Grader
from trainer.rewards.shaping import reward
from trainer.sections import (
    AlgorithmSection,
    ChatSection,
    PruneSection,
    RewardSection,
    RolloutSection,
)
from trainer.seeds import seed_for
from trainer.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True)
class JudgedRollout:
    """A rollout with its verdict; ``correct`` is None for a pruned one, and without a verdict."""

    sampled: SampledRollout
    correct: bool | None
    reward: float
    problem: str | None = None
    """Why there is no verdict on one that was not pruned."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """What each reward function gave."""

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
Takes = Callable[[int, Prompt], bool]
"""Whether the prompt of this number is asked at all."""
PASSED_OVER = 50
"""Numbers that are looked at for each prompt, before one is asked whatever is known of it."""


@dataclass(frozen=True, slots=True)
class ExperienceSampler:
    """Turns numbers of prompts into judged groups."""

    engine: RolloutEngine
    grader: Grader
    source: PromptSource
    rollout: RolloutSection
    prune: PruneSection
    reward: RewardSection
    chat: ChatSection
    seed: int
    """Of the run."""
    record: bool
    """Whether to keep the head's inputs."""
    ranks: Ranks
    """All of them call ``gather`` together and have the same experience afterwards."""

    @property
    def dynamic(self) -> bool:
        """Whether prompts without signal are replaced by others."""
        return self.rollout.dynamic_rounds > 1

    def gather(
        self, cursor: int, policy_of: PolicyOf, clock: Stopwatch, takes: Takes | None = None
    ) -> Experience:
        """Sample ``rollout.prompts`` groups for each of ``rollout.batches``, all of them at once; with
        ``dynamic_rounds``, more while some are not mixed.

        A round asks for as many prompts as are missing, so nothing is sampled in vain. Groups
        without signal stay in the result: the head and the posterior learn from them.
        """
        found = Experience([], FeatureRecord(), cursor)
        wanted = self.rollout.prompts * self.rollout.batches
        for _ in range(self.rollout.dynamic_rounds):
            missing = wanted - sum(group.mixed for group in found.groups)
            if missing <= 0:
                break
            numbers, found.cursor = self._numbers(found.cursor, missing, takes)
            found.groups += self._together(numbers, policy_of, clock)
        if self.record:
            for rows in self.ranks.all(lambda: _rows(self.engine.take_features())):
                for row in rows:
                    found.features.add(*row)
        return found

    def _numbers(self, cursor: int, count: int, takes: Takes | None) -> tuple[list[int], int]:
        """The next ``count`` prompts that are taken, and the number after the last one."""
        if takes is None:
            return list(range(cursor, cursor + count)), cursor + count
        found: list[int] = []
        last = cursor + PASSED_OVER * count
        while len(found) < count:
            if cursor >= last or takes(cursor, self.source.prompt(cursor)):
                found.append(cursor)
            cursor += 1
        return found, cursor

    def _together(
        self, numbers: Sequence[int], policy_of: PolicyOf, clock: Stopwatch
    ) -> list[JudgedGroup]:
        """The groups of ``numbers`` in order; each rank samples and judges a share of them."""
        mine = self.ranks.share(numbers, first_only=bool(self.rollout.replicas))
        told = self.ranks.all(lambda: self._round(mine, policy_of, clock) if mine else [])
        return sorted((group for part in told for group in part), key=lambda group: group.number)

    def _round(
        self, numbers: Sequence[int], policy_of: PolicyOf, clock: Stopwatch
    ) -> list[JudgedGroup]:
        prompts = [self.source.prompt(number) for number in numbers]
        policies = [policy_of(prompt) for prompt in prompts]
        requests = [
            self._request(number, prompt, policy)
            for number, prompt, (policy, _) in zip(numbers, prompts, policies, strict=True)
        ]
        options = self.rollout
        with clock.phase("generate"):
            sampled = self.engine.sample(
                requests, options.samples, max_tokens=options.max_tokens, logprobs=True
            )
        with clock.phase("reward"):
            judged = self._judge(prompts, sampled)
        return [
            JudgedGroup(number, prompt, estimate, rollouts)
            for number, prompt, (_, estimate), rollouts in zip(
                numbers, prompts, policies, judged, strict=True
            )
        ]

    def _request(self, number: int, prompt: Prompt, policy: Mapping[str, Any]) -> GroupRequest:
        prune = self.prune
        return GroupRequest(
            name=str(number),
            question=prompt.question,
            before=prompt.before,
            chat=self.chat,
            seed=seed_for(self.seed, "rollouts", number),
            temperature=self.rollout.temperature,
            probes=prune.probes,
            policy=policy,
            signals=("quality",) if policy["name"].startswith("arrol") else (),
            record=prune.probes if self.record else None,
            min_survivors=prune.min_survivors,
        )

    def _judge(
        self, prompts: Sequence[Prompt], sampled: Sequence[Sequence[SampledRollout]]
    ) -> list[tuple[JudgedRollout, ...]]:
        """Pruned rollouts get no verdict and no reward."""
        ended = [
            (rollout.text, prompt)
            for prompt, group in zip(prompts, sampled, strict=True)
            for rollout in group
            if rollout.stop_reason != PRUNED_STOP_REASON
        ]
        grades = iter(self.grader.grade(ended))
        return [
            tuple(
                JudgedRollout(rollout, None, 0.0)
                if rollout.stop_reason == PRUNED_STOP_REASON
                else judged(rollout, next(grades), self.rollout.max_tokens, self.reward)
                for rollout in group
            )
            for group in sampled
        ]


def judged(
    rollout: SampledRollout, grade: Grade, max_tokens: int, options: RewardSection
) -> JudgedRollout:
    """A rollout that was not pruned, with its reward. A truncated one is what ``options`` say it is."""
    cut = rollout.truncated and options.truncated != "graded"
    if grade.value is None or (cut and options.truncated == "left_out"):
        return JudgedRollout(rollout, None, 0.0, grade.problem)
    worth = reward(0.0 if cut else grade.value, rollout.token_count, max_tokens, options)
    return JudgedRollout(rollout, grade.right and not cut, worth, parts=grade.parts)


def batches_of(found: Experience, batches: int, prompts: int, *, dynamic: bool) -> list[Experience]:
    """What was sampled at once, in steps of ``prompts`` groups each, or as many mixed ones if ``dynamic``.

    The last one has what is left.
    """
    parts: list[list[JudgedGroup]] = [[]]
    for group in found.groups:
        full = sum(one.mixed or not dynamic for one in parts[-1]) >= prompts
        if full and len(parts) < batches:
            parts.append([])
        parts[-1].append(group)
    made = [Experience(part, FeatureRecord(), found.cursor) for part in parts]
    place = {str(g.number): batch.features for batch in made for g in batch.groups}
    for row in found.features.rows():
        place[row[0]].add(*row)
    return made


def _rows(record: FeatureRecord) -> list[tuple[str, int, int, Tensor]]:
    """As they may travel: a row that is a view of a batch would bring all of it."""
    return [(group, index, tokens, row.clone()) for group, index, tokens, row in record.rows()]


def train_rows(
    groups: Sequence[JudgedGroup], options: AlgorithmSection, *, dynamic: bool
) -> list[TrainRow]:
    """The survivors of every group that teaches something, with advantages over survivors alone.

    With a KL term the others are there too, with advantage 0: they pull towards the initial model.
    ``dynamic`` sampling trains on mixed groups only, whatever a shaped reward tells the others apart by.
    """
    rows = []
    for group in groups:
        if dynamic and not group.mixed:
            continue
        survivors = group.survivors
        if options.train_of_group:
            rewards = [rollout.reward for rollout in survivors]
            survivors = [survivors[i] for i in most_varied(rewards, options.train_of_group)]
        found = group_advantages(
            [rollout.reward for rollout in survivors],
            [rollout.propensity for rollout in survivors],
            correction=options.correction,
            divide=not options.dr_grpo,
        )
        if found is None:
            if options.kl_weight == 0 or dynamic:
                continue
            found = without_signal(len(survivors))
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
