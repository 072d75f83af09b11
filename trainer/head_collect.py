"""Rollouts for the head: sampled, verified and kept in shards, so that an interrupted job goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.engine.plugin.scorer import FeatureRecord
from trainer.head_data import BrokenShard, HeadData
from trainer.rollout_engine import RecordingSampler
from trainer.rollouts import GroupRequest, SampledRollout

SHARD = 25
"""Questions a shard: what an interruption costs at most."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask, the right answer, and the temperature to sample rollouts at."""

    text: str
    gold: str
    temperature: float = 1.0


def usable(
    questions: Sequence[Question], pool: AnswerPool
) -> tuple[list[Question], dict[str, str]]:
    """The questions whose gold can be compared with, and why the others' cannot, by question."""
    good, bad = [], {}
    for question in questions:
        try:
            pool.judge("", question.gold, AnswerSpec())
        except (ValueError, TimeoutError) as error:
            bad[question.text] = str(error)
        else:
            good.append(question)
    return good, bad


def collect(
    open_sampler: Callable[[], RecordingSampler],
    questions: Sequence[Question],
    *,
    samples: int,
    positions: Sequence[int],
    seed: int,
    folder: Path,
    max_tokens: int = 256,
) -> HeadData:
    """Sample ``samples`` rollouts of every question, verify them, keep their features.

    Works in shards written to ``folder``; shards already there are kept, broken ones are sampled
    again. ``open_sampler`` is called when the first one is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[HeadData] = []
    sampler: RecordingSampler | None = None
    pool = AnswerPool(workers=1, timeout_s=5.0)
    try:
        with tqdm(total=len(questions), unit="question", desc="rollouts") as bar:
            for start in range(0, len(questions), SHARD):
                batch, path = questions[start : start + SHARD], folder / f"{start:06d}.npz"
                part = _kept(path)
                if part is None:
                    sampler = sampler or open_sampler()
                    requests = _requests(batch, start, samples, positions, seed)
                    groups = sampler.sample(requests, samples, max_tokens=max_tokens)
                    part = labelled(sampler.take_features(), groups, batch, pool)
                    part.save(path)
                parts.append(part)
                bar.update(len(batch))
    finally:
        pool.close()
        if sampler is not None:
            sampler.close()
    return HeadData.concat(parts)


def _kept(path: Path) -> HeadData | None:
    if not path.exists():
        return None
    try:
        return HeadData.load(path)
    except BrokenShard as error:
        print(f"\n{error} Its questions are sampled again.", file=sys.stderr)
        return None


def _requests(
    questions: Sequence[Question], start: int, samples: int, positions: Sequence[int], seed: int
) -> list[GroupRequest]:
    return [
        GroupRequest(
            str(start + i),
            question.text,
            seed + (start + i) * samples,
            temperature=question.temperature,
            record=positions,
        )
        for i, question in enumerate(questions)
    ]


def labelled(
    recorded: FeatureRecord,
    groups: Sequence[Sequence[SampledRollout]],
    questions: Sequence[Question],
    pool: AnswerPool,
) -> HeadData:
    """Recorded positions with the verdicts on their rollouts; those without a verdict are left out."""
    rollouts = [rollout for group in groups for rollout in group]
    pairs = [
        (rollout.text, question.gold)
        for group, question in zip(groups, questions, strict=True)
        for rollout in group
    ]
    length = {(r.group, r.index): r.token_count for r in rollouts}
    right = dict(zip(length, pool.judge_many(pairs, AnswerSpec()), strict=True))
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
