"""An evaluation in training: unpruned replies to held-out questions, read, voted on and judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.rollout import Fate
from trainer.engines.base import GroupSampler
from trainer.engines.sampling import GroupRequest, SampledRollout
from trainer.evaluation.grading import Reply, recorded
from trainer.evaluation.records import Record
from trainer.evaluation.sampling import reply_of
from trainer.held_out.figures import Figures, figures_of, named
from trainer.held_out.questions import SEED, QuestionSet
from trainer.prompts.prompt import Prompt
from trainer.ranks import Ranks
from trainer.rewards.grader import Grader
from trainer.sections import ChatSection, EvalSection, RewardSection, RolloutSection
from trainer.seeds import seed_for

Calibration = Callable[[float], float]
"""A head's logit at a last token to one whose sigmoid is a probability."""
Asked = tuple[QuestionSet, int, Prompt]


@dataclass(frozen=True, slots=True)
class Exam:
    """All ranks call ``figures`` together and get the same."""

    sets: Sequence[QuestionSet]
    options: EvalSection
    rollout: RolloutSection
    reward: RewardSection
    chat: ChatSection
    ranks: Ranks

    def due(self, done: int) -> bool:
        """Whether one is to be held after so many steps."""
        return bool(self.sets) and done % self.options.every == 0

    def figures(
        self, engine: GroupSampler, pool: AnswerPool, calibration: Calibration | None = None
    ) -> Figures:
        """With the engine as it stands. ``calibration``: of the head that it holds; None: it has none."""
        asked = [(one, i, prompt) for one in self.sets for i, prompt in enumerate(one.prompts)]
        mine = self.ranks.share(asked, first_only=bool(self.rollout.replicas))
        shares = self.ranks.all(lambda: self._records(mine, engine, pool, calibration))
        found = [pair for part in shares for pair in part]
        return named(
            {
                one.name: figures_of(
                    [record for name, record in found if name == one.name], self.options.measures
                )
                for one in self.sets
            }
        )

    def _records(
        self,
        asked: Sequence[Asked],
        engine: GroupSampler,
        pool: AnswerPool,
        calibration: Calibration | None,
    ) -> list[tuple[str, Record]]:
        """A record for each question, with its set's name."""
        if not asked:
            return []
        requests = [self._request(*one, scored=calibration is not None) for one in asked]
        samples, longest = self.options.samples, self.rollout.max_tokens
        groups = engine.sample(requests, samples, max_tokens=longest)
        replies = [[_reply(rollout, calibration) for rollout in group] for group in groups]
        verdicts = self._verdicts(asked, replies, pool)
        spec = AnswerSpec() if samples > 1 else None  # one reply has no vote
        return [
            (one.name, recorded(pool, f"{one.name}/{i}", prompt.gold, group, marks, spec))
            for (one, i, prompt), group, marks in zip(asked, replies, verdicts, strict=True)
        ]

    def _request(
        self, one: QuestionSet, place: int, prompt: Prompt, *, scored: bool
    ) -> GroupRequest:
        return GroupRequest(
            name=f"eval-{one.name}-{place}",
            question=prompt.question,
            before=prompt.before,
            chat=self.chat,
            seed=seed_for(SEED, place),
            temperature=self.options.temperature,
            signals=("quality",) if scored else (),
        )

    def _verdicts(
        self, asked: Sequence[Asked], replies: Sequence[Sequence[Reply]], pool: AnswerPool
    ) -> list[list[bool | None]]:
        """Verdicts on each question's finished replies, by the reward function of its set."""
        found: list[list[bool | None]] = [[] for _ in asked]
        for one in self.sets:
            pairs = [
                (place, reply.text, prompt)
                for place, ((its, _, prompt), group) in enumerate(zip(asked, replies, strict=True))
                for reply in group
                if its is one and reply.fate is Fate.FINISHED
            ]
            grader = Grader(pool, self.reward, one.source)
            grades = grader.grade([(text, prompt) for _, text, prompt in pairs])
            for (place, _, _), grade in zip(pairs, grades, strict=True):
                found[place].append(None if grade.value is None else grade.right)
        return found


def check_rewards(sets: Sequence[QuestionSet], reward: RewardSection, pool: AnswerPool) -> None:
    """Raise ``ConfigError`` where a reward function takes what the rows of a set do not have."""
    for one in sets:
        Grader(pool, reward, one.source).check(one.prompts, f"eval.sources, {one.name}")


def _reply(rollout: SampledRollout, calibration: Calibration | None) -> Reply:
    logit = rollout.report.get("quality")
    if calibration is None or logit is None or not math.isfinite(logit):
        return replace(reply_of(rollout), quality=None)
    return reply_of(replace(rollout, report={**rollout.report, "quality": calibration(logit)}))
