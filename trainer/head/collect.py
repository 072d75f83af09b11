"""Rollouts for the head: sampled, verified and kept in shards, so that an interrupted job goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.engine.plugin.recording import FeatureRecord
from trainer.engines.base import RecordingSampler
from trainer.engines.sampling import GroupRequest, SampledRollout
from trainer.errors import BrokenShard
from trainer.head.data import HeadData
from trainer.head.job import HeadJob, Question
from trainer.head.rollout_files import load_rollouts, save_rollouts
from trainer.seeds import seed_for

SHARD = 25
"""Questions a shard: what an interruption costs at most."""


def usable(
    questions: Sequence[Question], pool: AnswerPool
) -> tuple[list[Question], dict[str, str]]:
    """The questions whose gold can be compared with, and why the others' cannot, by question.

    A gold that takes too long to read stays: that depends on the machine, and a job must go on with the
    questions that it began with.
    """
    good, bad = [], {}
    for question in questions:
        if question.gold is None:
            good.append(question)
            continue
        try:
            pool.judge("", question.gold, AnswerSpec())
        except ValueError as error:
            bad[question.text] = str(error)
            continue
        except TimeoutError:
            pass
        good.append(question)
    return good, bad


Compute = Callable[[Sequence[SampledRollout], Sequence[int]], FeatureRecord]
"""(rollout group, positions) -> the head's inputs at these token counts and at each last token."""


def collect(
    questions: Sequence[Question],
    job: HeadJob,
    open_sampler: Callable[[], RecordingSampler],
    open_compute: Callable[[], Compute] | None = None,
) -> HeadData:
    """Sample rollouts of every question, verify them, keep their features.

    Works in shards written to the folder: ``NUMBER.jsonl`` has the rollouts, ``NUMBER.npz`` the features
    with verdicts. Those already there are kept, broken ones are made again. ``open_sampler`` is called
    when the first one is missing; ``open_compute`` if the sampler does not record the features.
    """
    job.work.mkdir(parents=True, exist_ok=True)
    shards = [(at, questions[at : at + SHARD]) for at in range(0, len(questions), SHARD)]
    pool = AnswerPool(workers=1, timeout_s=5.0)
    try:
        _sample(shards, job, open_sampler, pool, records=open_compute is None)
        if open_compute is not None:
            _compute(shards, job, open_compute, pool)
    finally:
        pool.close()
    return HeadData.concat([HeadData.load(job.work / f"{at:06d}.npz") for at, _ in shards])


Shards = Sequence[tuple[int, Sequence[Question]]]


def _sample(
    shards: Shards,
    job: HeadJob,
    open_sampler: Callable[[], RecordingSampler],
    pool: AnswerPool,
    *,
    records: bool,
) -> None:
    """All engines' work, so that the engine's memory is free for what comes after."""
    sampler: RecordingSampler | None = None
    try:
        for at, batch in _progress(shards, "rollouts"):
            path, texts = job.work / f"{at:06d}.npz", job.work / f"{at:06d}.jsonl"
            if _whole(path) or (not records and _rollouts(texts, job) is not None):
                continue
            sampler = sampler or open_sampler()
            requests = _requests(batch, at, job, records=records)
            groups = sampler.sample(requests, job.samples, max_tokens=job.max_tokens)
            save_rollouts(texts, groups)
            if records:
                labelled(sampler.take_features(), groups, batch, pool).save(path)
    finally:
        if sampler is not None:
            sampler.close()


def _compute(
    shards: Shards, job: HeadJob, open_compute: Callable[[], Compute], pool: AnswerPool
) -> None:
    compute: Compute | None = None
    for at, batch in _progress(shards, "hidden states"):
        path = job.work / f"{at:06d}.npz"
        if _whole(path):
            continue
        compute = compute or open_compute()
        groups = load_rollouts(path.with_suffix(".jsonl"), job.samples)
        record = FeatureRecord()
        for group in groups:
            found = compute(group, job.positions)
            rows = (found.groups, found.indices, found.tokens, found.features)
            for row in zip(*rows, strict=True):
                record.add(*row)
        labelled(record, groups, batch, pool).save(path)


def _progress(shards: Shards, what: str) -> Iterator[tuple[int, Sequence[Question]]]:
    with tqdm(total=sum(len(batch) for _, batch in shards), unit="question", desc=what) as bar:
        for at, batch in shards:
            yield at, batch
            bar.update(len(batch))


def _whole(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        HeadData.load(path)
    except BrokenShard as error:
        print(f"\n{error} It is made again.", file=sys.stderr)
        return False
    return True


def _rollouts(path: Path, job: HeadJob) -> list[list[SampledRollout]] | None:
    if not path.exists():
        return None
    try:
        return load_rollouts(path, job.samples)
    except BrokenShard as error:
        print(f"\n{error} Its questions are sampled again.", file=sys.stderr)
        return None


def _requests(
    questions: Sequence[Question], start: int, job: HeadJob, *, records: bool
) -> list[GroupRequest]:
    return [
        GroupRequest(
            str(start + i),
            question.text,
            seed_for("head", job.seed, start + i),
            temperature=question.temperature,
            top_p=job.top_p,
            top_k=job.top_k,
            before=question.before,
            chat=job.chat,
            record=job.positions if records else None,
        )
        for i, question in enumerate(questions)
    ]


def labelled(
    recorded: FeatureRecord,
    groups: Sequence[Sequence[SampledRollout]],
    questions: Sequence[Question],
    pool: AnswerPool,
) -> HeadData:
    """Recorded positions with the verdicts on their rollouts; those without a verdict are left out.

    Rollouts of questions without a gold are kept as wrong ones, and truncated ones are wrong: they have no
    vote when they are served.
    """
    rollouts = [rollout for group in groups for rollout in group]
    pairs = {
        (rollout.group, rollout.index): (rollout.text, question.gold)
        for group, question in zip(groups, questions, strict=True)
        for rollout in group
        if question.gold is not None
    }
    length = {(r.group, r.index): r.token_count for r in rollouts}
    right: dict[tuple[str, int], bool | None] = dict.fromkeys(length, False)
    right |= zip(pairs, pool.judge_many(list(pairs.values()), AnswerSpec()), strict=True)
    right |= {(r.group, r.index): False for r in rollouts if r.truncated}
    # One row where a rollout ends at a position; sorted, because the engine forgets rollouts in no
    # particular order and fitting must not depend on it.
    places = {
        (int(group), index, tokens): row
        for row, (group, index, tokens) in enumerate(
            zip(recorded.groups, recorded.indices, recorded.tokens, strict=True)
        )
        if right[group, index] is not None
    }
    keys = sorted(places)
    width = len(recorded.features[0]) if recorded.features else 0
    features = [recorded.features[places[key]].numpy() for key in keys]
    return HeadData(
        features=np.array(features, dtype=np.float32).reshape(len(keys), width),
        correct=np.array([right[str(group), index] for group, index, _ in keys], dtype=np.bool_),
        group=np.array([group for group, _, _ in keys], dtype=np.int32),
        rollout=np.array([index for _, index, _ in keys], dtype=np.int32),
        tokens=np.array([tokens for _, _, tokens in keys], dtype=np.int32),
        final=np.array([tokens == length[str(g), i] for g, i, tokens in keys], dtype=np.bool_),
    )
