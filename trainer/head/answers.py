"""What the kept rollouts of a head's questions answer, clustered as a search would."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from arrol_serve.answers.book import AnswerBook
from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.quality.head import QualityHead
from arrol_serve.rollout import Fate, fate_of
from trainer.engines.sampling import SampledRollout
from trainer.head.collect import SHARD
from trainer.head.data import HeadData
from trainer.head.fit import calibrated_logits
from trainer.head.job import HeadJob
from trainer.head.rollout_files import load_rollouts

Answers = Mapping[int, Mapping[int, str | None]]
"""Question number -> rollout -> its cluster's answer; None: it holds none. Finished rollouts only."""


@dataclass(frozen=True, slots=True)
class ScoredGroup:
    """The finished rollouts of one question: their answers, P(right) by the head, verdicts."""

    question: int
    answers: tuple[str | None, ...]
    probability: tuple[float, ...]
    right: tuple[bool, ...]


def read_answers(
    job: HeadJob, questions: Collection[int], spec: AnswerSpec
) -> dict[int, dict[int, str | None]]:
    """Answers by question and rollout, from the shards of rollouts. Raises ``BrokenShard``."""
    wanted = set(questions)
    pool = AnswerPool(workers=1, timeout_s=5.0)
    found = {}
    try:
        for shard in tqdm(sorted({q - q % SHARD for q in wanted}), unit="shard", desc="answers"):
            groups = load_rollouts(job.work / f"{shard:06d}.jsonl", job.samples)
            for question, group in enumerate(groups, shard):
                if question in wanted:
                    found[question] = asyncio.run(_clustered(pool, group, spec))
    finally:
        pool.close()
    return found


async def _clustered(
    pool: AnswerPool, group: Sequence[SampledRollout], spec: AnswerSpec
) -> dict[int, str | None]:
    book = AnswerBook(pool, spec)
    for rollout in group:
        if fate_of(rollout.finish_reason, rollout.stop_reason) is Fate.FINISHED:
            await book.add(rollout.index, rollout.text)
    return book.answers


def scored_groups(
    head: QualityHead, data: HeadData, hidden_size: int, answers: Answers
) -> list[ScoredGroup]:
    """Last tokens scored as the engine would; rollouts without a verdict are left out."""
    logits = calibrated_logits(head, data, hidden_size)
    groups = []
    for question in np.unique(data.group[data.final]).tolist():
        ended = np.flatnonzero(data.final & (data.group == question)).tolist()
        rows = [row for row in ended if int(data.rollout[row]) in answers[question]]
        groups.append(
            ScoredGroup(
                question,
                tuple(answers[question][int(data.rollout[row])] for row in rows),
                tuple(float(1 / (1 + np.exp(-logits[row]))) for row in rows),
                tuple(bool(data.correct[row]) for row in rows),
            )
        )
    return [group for group in groups if group.answers]
