"""Texts to records: answers read, clustered and judged in killable processes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from arrol_serve.answers.book import AnswerBook
from arrol_serve.answers.extract import extract
from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.answers.workshop.jobs import settled_part, verdict
from arrol_serve.rollout import Fate
from trainer.evaluation.datasets import Item
from trainer.evaluation.records import Record, Sample
from trainer.prompts.gym import score


@dataclass(frozen=True, slots=True)
class Reply:
    """One sampled text, not graded yet."""

    text: str
    tokens: int
    fate: Fate
    quality: float | None = None
    confidence: float | None = None
    votes: bool = True
    """False: the arm's own rule keeps it from voting."""
    probes: tuple[tuple[int, float], ...] = ()


def unusable(pool: AnswerPool, items: Sequence[Item], spec: AnswerSpec) -> dict[str, str]:
    """Question id -> why its gold cannot be used, with the file and the line."""
    listed = [item for item in items if item.key is None]  # a task of reasoning-gym knows its own
    jobs = [(item.gold, spec) for item in listed]
    pool.run_many(gold_problem, [("0", AnswerSpec())])  # the first one waits for its process
    outcomes = pool.run_many(gold_problem, jobs)
    again = [place for place, outcome in enumerate(outcomes) if outcome.failure]
    for place, outcome in zip(
        again, pool.run_many(gold_problem, [jobs[i] for i in again]), strict=True
    ):
        outcomes[place] = outcome  # late twice is slow, once may be a busy machine
    late = f"it takes more than {pool.timeout_s:g} s to compare"
    found = [late if o.failure else o.value for o in outcomes]
    return {
        item.id: f"{item.where or item.id}: {problem}"
        for item, problem in zip(listed, found, strict=True)
        if problem is not None
    }


def gold_problem(gold: str, spec: AnswerSpec) -> str | None:
    """In a worker: why no answer could be compared with ``gold``; None: it can."""
    try:
        verdict("0", gold, spec)
    except ValueError as error:
        return str(error)
    return None


def gym_verdict(settled: str | None, key: str, spec: AnswerSpec) -> bool:
    """In a worker: whether reasoning-gym gives the reply's answer its full score."""
    answer = None if settled is None else extract(settled, spec)
    try:
        return answer is not None and score(answer, key) == 1.0
    except Exception:  # noqa: BLE001  # some of its scorers raise on text
        return False


def grade(
    pool: AnswerPool, arm: str, item: Item, replies: Sequence[Reply], spec: AnswerSpec
) -> Record:
    """Only finished replies are read; the others hold no settled answer and count as wrong."""
    texts = [reply.text for reply in replies if reply.fate is Fate.FINISHED]
    verdicts = judge(pool, item, texts, spec)
    return replace(recorded(pool, item.id, item.gold, replies, verdicts, spec), arm=arm)


def recorded(
    pool: AnswerPool,
    question: str,
    gold: str,
    replies: Sequence[Reply],
    verdicts: Sequence[bool | None],
    spec: AnswerSpec | None,
) -> Record:
    """``verdicts``: of the finished replies, in order. ``spec`` None: nobody votes, no answer is read."""
    voting = [i for i, reply in enumerate(replies) if reply.fate is Fate.FINISHED]
    answers, late = dict[int, str | None](), 0
    if spec is not None:
        answers, late = asyncio.run(_cluster(pool, voting, replies, spec))
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
            votes=reply.votes,
            probes=reply.probes,
        )
        for i, reply in enumerate(replies)
    )
    return Record("", question, gold, samples, max(late, list(verdicts).count(None)))


def judge(
    pool: AnswerPool, item: Item, texts: Sequence[str], spec: AnswerSpec
) -> list[bool | None]:
    """Whether each text's answer is right; None: no verdict in time."""
    if item.key is None:
        return pool.judge_many([(text, item.gold) for text in texts], spec)
    jobs = [(settled_part(text), item.key, spec) for text in texts]
    return [None if o.failure else bool(o.value) for o in pool.run_many(gym_verdict, jobs)]


async def _cluster(
    pool: AnswerPool, voting: Sequence[int], replies: Sequence[Reply], spec: AnswerSpec
) -> tuple[dict[int, str | None], int]:
    book = AnswerBook(pool, spec)
    for index in voting:
        await book.add(index, replies[index].text)
    return book.answers, book.timeouts
