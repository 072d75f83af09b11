"""Texts to records: answers read, clustered and judged in killable processes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from arrol_serve.answers.book import AnswerBook
from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.rollout import Fate
from trainer.evaluation.datasets import Item
from trainer.evaluation.records import Record, Sample


@dataclass(frozen=True, slots=True)
class Reply:
    """One sampled text, not graded yet."""

    text: str
    tokens: int
    fate: Fate
    quality: float | None = None
    confidence: float | None = None


def unusable(pool: AnswerPool, items: Sequence[Item], spec: AnswerSpec) -> dict[str, str]:
    """Question id -> why its gold cannot be used."""
    problems = {}
    for item in items:
        try:
            pool.judge("", item.gold, spec)
        except (ValueError, TimeoutError) as error:
            problems[item.id] = str(error)
    return problems


def grade(
    pool: AnswerPool, arm: str, item: Item, replies: Sequence[Reply], spec: AnswerSpec
) -> Record:
    """Only finished replies are read; the others hold no settled answer and count as wrong."""
    voting = [i for i, reply in enumerate(replies) if reply.fate is Fate.FINISHED]
    answers, late = asyncio.run(_cluster(pool, voting, replies, spec))
    verdicts = pool.judge_many([(replies[i].text, item.gold) for i in voting], spec)
    right = dict(zip(voting, verdicts, strict=True))
    samples = tuple(
        Sample(
            index=i,
            tokens=reply.tokens,
            fate=reply.fate.value,
            answer=answers.get(i),
            right=right.get(i, False),
            quality=reply.quality,
            confidence=reply.confidence,
        )
        for i, reply in enumerate(replies)
    )
    record = Record(arm, item.id, item.gold, samples)
    return replace(record, timeouts=max(late, verdicts.count(None)))


async def _cluster(
    pool: AnswerPool, voting: Sequence[int], replies: Sequence[Reply], spec: AnswerSpec
) -> tuple[dict[int, str | None], int]:
    book = AnswerBook(pool, spec)
    for index in voting:
        await book.add(index, replies[index].text)
    return book.answers, book.timeouts
