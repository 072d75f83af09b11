"""Verdicts and rewards. Verdicts come from processes that are killed when they take too long."""

from __future__ import annotations

from collections.abc import Sequence

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from trainer.config import RewardSection


def judge(pool: AnswerPool, pairs: Sequence[tuple[str, str]]) -> list[bool | None]:
    """Whether each (reply, gold) is right; None: no verdict in time. Equal pairs are judged once."""
    unique = list(dict.fromkeys(pairs))
    verdicts = dict(zip(unique, pool.judge_many(unique, AnswerSpec()), strict=True))
    return [verdicts[pair] for pair in pairs]


def reward(correct: bool, tokens: int, max_tokens: int, config: RewardSection) -> float:
    """What the policy is rewarded with; the head's label stays ``correct`` alone."""
    base = config.right if correct else config.wrong
    return base + overlong(tokens, max_tokens, config.overlong_tokens) * config.overlong_factor


def overlong(tokens: int, longest: int, margin: int) -> float:
    """DAPO's soft punishment (arXiv 2503.14476, equation 13), in [-1, 0].

    0 up to ``longest - margin`` tokens, then falling in a line to -1 at ``longest``.
    """
    if margin == 0 or tokens <= longest - margin:
        return 0.0
    return max(-1.0, (longest - margin - tokens) / margin)
