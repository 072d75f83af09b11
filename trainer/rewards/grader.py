"""What replies are worth: verdicts of math-verify, or a user's reward function, in killable processes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from arrol_serve.answers.pool import AnswerPool
from trainer.errors import ConfigError
from trainer.prompts.gym import GYM
from trainer.prompts.prompt import Prompt
from trainer.rewards.functions import call, check
from trainer.sections import RewardSection

Problem = Literal["timeout", "crash", "raised", "nonsense"]
PROBLEMS: tuple[Problem, ...] = ("timeout", "crash", "raised", "nonsense")
START_S = 60.0
"""Seconds in which a user's module must have been imported."""


@dataclass(frozen=True, slots=True)
class Grade:
    """``value`` from 0 to 1; None where there is none, for the reason in ``problem``."""

    value: float | None
    problem: Problem | None = None
    right: bool = False
    """Whether ``value`` reaches ``reward.threshold``."""


class Grader:
    """Grades replies by ``reward.function``; what goes wrong is counted, and shown the first time."""

    def __init__(self, pool: AnswerPool, config: RewardSection, source: str = "") -> None:
        """``source``: of the data, by which ``auto`` is settled."""
        self._pool, self._timeout_s, self._threshold = pool, config.timeout_s, config.threshold
        automatic = "gym" if source == GYM else "math"
        self._name = automatic if config.function == "auto" else config.function
        self.problems: Counter[str] = Counter()

    def check(self) -> None:
        """Raise ``ConfigError`` where the function cannot be loaded."""
        limit, self._pool.timeout_s = self._pool.timeout_s, START_S
        (outcome,) = self._pool.run_many(check, [(self._name,)])
        self._pool.timeout_s = limit
        wrong = outcome.failure or outcome.value
        if wrong:
            raise ConfigError(f"reward.function: {wrong}.", param="reward.function")

    def grade(self, pairs: Sequence[tuple[str, Prompt]]) -> list[Grade]:
        """A grade for each (reply, prompt); equal pairs are judged once."""
        unique = list(dict.fromkeys(pairs))
        found = self._called(unique)
        grades = dict(zip(unique, found, strict=True))
        return [grades[pair] for pair in pairs]

    def _called(self, pairs: Sequence[tuple[str, Prompt]]) -> list[Grade]:
        jobs = [
            (self._name, prompt.question, reply, prompt.gold, prompt.key) for reply, prompt in pairs
        ]
        grades = []
        for outcome, (_, prompt) in zip(self._pool.run_many(call, jobs), pairs, strict=True):
            if outcome.failure is not None:
                said = f"gave no value in {self._timeout_s:g} s"
                if outcome.failure == "crash":
                    said = "took its process down"
                grades.append(self._problem(outcome.failure, said, prompt))
            elif outcome.value[0] == "value":
                value = outcome.value[1]
                grades.append(Grade(value, right=value >= self._threshold))
            else:
                kind, said = outcome.value
                grades.append(self._problem(kind, said, prompt))
        return grades

    def _problem(self, kind: Problem, said: str, prompt: Prompt) -> Grade:
        if not self.problems[kind]:
            print(
                f"\nreward.function {self._name} {said} on {prompt.question[:200]!r}. "
                f"Such rollouts are left out, and counted as reward_problems/{kind}.",
                file=sys.stderr,
            )
        self.problems[kind] += 1
        return Grade(None, kind)
