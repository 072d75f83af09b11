"""From prompts to judged rollout groups: sampling with pruning in the engine, then rewards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from arrol_serve.engine.plugin.recording import FeatureRecord
from arrol_serve.rollout import PRUNED_STOP_REASON
from trainer.engines.base import RolloutEngine
from trainer.engines.sampling import GroupRequest, SampledRollout
from trainer.groups.judged import Experience, JudgedGroup, JudgedRollout
from trainer.groups.sizes import REST, completed, goes_on, one_group, parts
from trainer.policy.advantages import group_advantages, without_signal
from trainer.policy.batch import TrainRow
from trainer.policy.down_sampling import most_varied
from trainer.prompts.prompt import Prompt, PromptSource
from trainer.ranks import Ranks
from trainer.rewards.grader import Grade, Grader
from trainer.rewards.shaping import reward
from trainer.sections import (
    SCORED,
    AlgorithmSection,
    ChatSection,
    PruneSection,
    RewardSection,
    RolloutSection,
)
from trainer.seeds import seed_for
from trainer.stopwatch import Stopwatch

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
    """The run's seed."""
    record: bool
    """Whether to keep the head's inputs."""
    last_tokens: bool
    """Those of last tokens too."""
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
            recorded = FeatureRecord()
            for rows in self.ranks.all(lambda: _rows(self.engine.take_features())):
                for row in rows:
                    recorded.add(*row)
            found.features = one_group(recorded, self.rollout.first)
        self.engine.sleep()
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
        told = self.ranks.all(lambda: self._groups(mine, policy_of, clock))
        return sorted((group for part in told for group in part), key=lambda group: group.number)

    def _groups(
        self, numbers: Sequence[int], policy_of: PolicyOf, clock: Stopwatch
    ) -> list[JudgedGroup]:
        """Asked for in two parts where ``rollout.first`` says so."""
        first, more = parts(self.rollout)
        groups = self._round(numbers, first, policy_of, clock)
        if not more:
            return groups
        again = [group.number for group in groups if goes_on(group, self.rollout, self.seed)]
        rest = self._round(again, more, policy_of, clock, begun=first)
        return completed(groups, {group.number: group for group in rest}, self.rollout)

    def _round(
        self,
        numbers: Sequence[int],
        samples: int,
        policy_of: PolicyOf,
        clock: Stopwatch,
        begun: int = 0,
    ) -> list[JudgedGroup]:
        """``samples`` rollouts of each prompt, besides the ``begun`` ones."""
        if not numbers:
            return []
        prompts = [self.source.prompt(number) for number in numbers]
        policies = [policy_of(prompt) for prompt in prompts]
        requests = [
            self._request(number, prompt, policy, begun)
            for number, prompt, (policy, _) in zip(numbers, prompts, policies, strict=True)
        ]
        options = self.rollout
        with clock.phase("generate"):
            sampled = self.engine.sample(
                requests, samples, max_tokens=options.max_tokens, logprobs=True
            )
        with clock.phase("reward"):
            judged = self._judge(prompts, sampled)
        return [
            JudgedGroup(number, prompt, estimate, rollouts)
            for number, prompt, (_, estimate), rollouts in zip(
                numbers, prompts, policies, judged, strict=True
            )
        ]

    def _request(
        self, number: int, prompt: Prompt, policy: Mapping[str, Any], begun: int
    ) -> GroupRequest:
        prune = self.prune
        return GroupRequest(
            name=f"{number}{REST if begun else ''}",
            question=prompt.question,
            before=prompt.before,
            chat=self.chat,
            seed=seed_for(self.seed, "rollouts", number) + begun,
            temperature=self.rollout.temperature,
            probes=prune.probes,
            policy=policy,
            signals=("quality",) if policy["name"] in SCORED else (),
            record=prune.probes if self.record else None,
            to_end=self.last_tokens,
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


def _rows(record: FeatureRecord) -> list[tuple[str, int, int, Tensor]]:
    """As they may travel: a row that is a view of a batch would bring all of it."""
    return [(group, index, tokens, row.clone()) for group, index, tokens, row in record.rows()]


def train_rows(
    groups: Sequence[JudgedGroup], options: AlgorithmSection, *, dynamic: bool
) -> list[TrainRow]:
    """The survivors of every group that teaches something, with advantages over survivors alone.

    With a KL term the others are there too, with advantage 0: they pull towards the initial model.
    ``dynamic`` sampling trains on mixed groups only, whatever a shaped reward tells the others apart by. Of
    groups of adaptive size those sampled in full stand for the others.
    """
    rows = []
    for group in groups:
        if not group.whole or (dynamic and not group.mixed):
            continue
        survivors = group.survivors
        if options.train_of_group:
            rewards = [rollout.reward for rollout in survivors]
            survivors = [survivors[i] for i in most_varied(rewards, options.train_of_group)]
        found = group_advantages(
            [rollout.reward for rollout in survivors],
            [rollout.survival for rollout in survivors],
            correction=options.correction,
            divide=not options.dr_grpo,
        )
        if found is None:
            if options.kl_weight == 0 or dynamic:
                continue
            found = without_signal(len(survivors))
        stands_for = 1 / group.chance if options.correction == "ipw" else 1.0
        rows += [
            TrainRow(
                rollout.sampled.prompt_ids,
                rollout.sampled.token_ids,
                rollout.sampled.logprobs,
                advantage,
                weight * stands_for,
            )
            for rollout, advantage, weight in zip(
                survivors, found.advantages, found.weights, strict=True
            )
        ]
    return rows
