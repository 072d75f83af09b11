"""What replies are worth: verdicts of math-verify, or users' reward functions, weighted and added up."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from arrol_serve.answers.pool import AnswerPool
from trainer.errors import ConfigError, RewardLost
from trainer.prompts.gym import GYM
from trainer.prompts.prompt import Prompt
from trainer.rewards.columns import Pair, alone, in_lists
from trainer.rewards.judges import InLists, Judge, OneByOne, OverHttp
from trainer.rewards.parts import Part, Problem
from trainer.rewards.signature import Signature, read_signature
from trainer.sections import RewardSection

START_S = 60.0
"""Seconds in which a user's module must have been imported."""
MATH = "math"
CHECKED = 32
"""Prompts whose columns reward functions are held against."""


@dataclass(frozen=True, slots=True)
class Grade:
    """``value``: the weighted sum; None where there is none, for the reason in ``problem``."""

    value: float | None
    problem: Problem | None = None
    right: bool = False
    """Whether the first function that applies reaches ``reward.threshold``."""
    parts: Mapping[str, float] = field(default_factory=dict, compare=False)
    """What each function gave, by its label."""


class Grader:
    """Grades replies by ``reward.functions``; what goes wrong is counted, and shown the first time."""

    def __init__(self, pool: AnswerPool, config: RewardSection, source: str = "") -> None:
        """``source``: of the data, by which ``auto`` is settled."""
        self._pool, self._config = pool, config
        automatic = "gym" if source == GYM else MATH
        names = config.functions or (config.function,)
        self._names = tuple(automatic if name == "auto" else name for name in names)
        self._weights = config.weights or (1.0,) * len(names)
        self.labels = labels(self._names)
        self.problems: Counter[str] = Counter()

    @cached_property
    def _judges(self) -> list[Judge]:
        """Raises ``ConfigError`` where a function cannot be loaded."""
        return [self._judge(name) for name in self._names]

    def _judge(self, name: str) -> Judge:
        config, pool = self._config, self._pool
        if is_url(name):
            key = os.environ.get(config.key_env, "")
            return OverHttp(pool, name, config.batch, config.completions, config.retries, key)
        (outcome,) = pool.run_many(read_signature, [(name,)], START_S)
        wrong = outcome.failure and f"{name}: importing it ended in a {outcome.failure}"
        if wrong or isinstance(outcome.value, str):
            raise self._refused(wrong or outcome.value)
        signature: Signature = outcome.value
        if signature.lists:
            return InLists(pool, name, signature, config.batch, config.completions)
        return OneByOne(pool, name, signature)

    def check(self, prompts: Sequence[Prompt] = (), where: str = "the data") -> None:
        """Raise ``ConfigError`` where a function cannot be loaded, takes what no row has, or a server fails,
        and where no gold answer can be compared with.

        ``prompts``: some of those that will be asked, from ``where``; the first ``CHECKED`` are looked at.
        """
        some: list[Pair] = [("", prompt) for prompt in prompts[:CHECKED]]
        self._check_golds(some)
        for judge in self._judges:
            if isinstance(judge, OverHttp) and some:
                (part,) = judge.judge(some[:1])
                if part.problem is not None:
                    raise self._refused(f"{judge.name} {part.said}")
            elif isinstance(judge, OneByOne | InLists):
                known = _known(judge, some)
                missing = judge.signature.missing(known) if known else []
                if missing:
                    raise self._refused(
                        f"{judge.name} takes {', '.join(missing)}, which is no column of {where}. "
                        f"There are: {', '.join(sorted(known))}"
                    )
        self._check_options()

    def _check_golds(self, some: Sequence[Pair]) -> None:
        """Else every rollout would be left out, and the run would end well without having learned."""
        if MATH not in self._names or not some:
            return
        parts = self._judges[self._names.index(MATH)].judge(some)
        if all(part.problem == "raised" for part in parts):
            raise self._refused(
                f"{MATH} {parts[0].said}; none of the first {len(parts)} gold answers can be compared with. "
                "See data.answer and data.answer_after"
            )

    def _check_options(self) -> None:
        """Settings that none of the functions would notice."""
        remote = any(isinstance(judge, OverHttp) for judge in self._judges)
        lists = remote or any(isinstance(judge, InLists) for judge in self._judges)
        for key, used, who in (
            ("batch", lists, "takes lists or is an address"),
            ("completions", lists, "takes lists or is an address"),
            ("retries", remote, "is an address"),
        ):
            changed = getattr(self._config, key) != RewardSection.model_fields[key].default
            if changed and not used:
                text = f"reward.{key} is set, but no reward function {who}."
                raise ConfigError(text, param=f"reward.{key}")

    def _refused(self, what: str) -> ConfigError:
        key = "reward.functions" if self._config.functions else "reward.function"
        return ConfigError(f"{key}: {what.rstrip('.')}.", param=key)

    def grade(self, pairs: Sequence[Pair]) -> list[Grade]:
        """A grade for each (reply, prompt). Raises ``RewardLost`` where a server has answered nothing."""
        columns = [self._judged(judge, pairs) for judge in self._judges]
        return [
            self._grade(parts, pair[1])
            for parts, pair in zip(zip(*columns, strict=True), pairs, strict=True)
        ]

    def _judged(self, judge: Judge, pairs: Sequence[Pair]) -> list[Part]:
        parts = judge.judge(pairs)
        if isinstance(judge, OverHttp) and pairs and all(part.problem for part in parts):
            raise RewardLost(
                f"The reward server {judge.name} {parts[0].said}, for all {len(parts)} replies"
                f"{f', in {judge.retries + 1} attempts' * bool(judge.retries)}. See to it, and go on with "
                "--resume auto; reward.timeout_s and reward.retries give it longer."
            )
        return parts

    def _grade(self, parts: Sequence[Part], prompt: Prompt) -> Grade:
        for name, part in zip(self._names, parts, strict=True):
            if part.problem is not None:
                self._count(name, part.problem, part.said, prompt)
                return Grade(None, part.problem)
        values = [part.value for part in parts]
        known = [value for value in values if value is not None]
        if not known:
            self._count(" and ".join(self._names), "unscored", "did not apply", prompt)
            return Grade(None, "unscored")
        return Grade(
            sum(w * v for w, v in zip(self._weights, values, strict=True) if v is not None),
            right=known[0] >= self._config.threshold,
            parts={n: v for n, v in zip(self.labels, values, strict=True) if v is not None},
        )

    def _count(self, name: str, problem: Problem, said: str, prompt: Prompt) -> None:
        if not self.problems[problem]:
            print(
                f"\nreward function {name} {said} on {prompt.question[:200]!r}. "
                f"Such rollouts are left out, and counted as reward_problems/{problem}.",
                file=sys.stderr,
            )
        self.problems[problem] += 1


def is_url(name: str) -> bool:
    return name.startswith(("http://", "https://"))


def labels(names: Sequence[str]) -> list[str]:
    """What each is called in the metrics: its last part, or all of it where two end alike."""
    short = [name.split("://")[-1].rpartition("/" if is_url(name) else ":")[2] for name in names]
    return [
        short[i] if short[i] and short.count(short[i]) == 1 else name
        for i, name in enumerate(names)
    ]


def _known(judge: OneByOne | InLists, some: Sequence[Pair]) -> set[str]:
    """What there is to be called with."""
    lists = isinstance(judge, InLists)
    found: set[Any] = {
        name for pair in some for name in (in_lists([pair], "auto") if lists else alone(pair))
    }
    return found
