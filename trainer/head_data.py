"""The head's training set: recorded features of rollouts at several positions, with verdicts.

One row per recorded position. Arrays are aligned: ``features [M, D + K]``, ``correct [M]``,
``group [M]`` (question number), ``rollout [M]``, ``tokens [M]`` generated so far, ``final [M]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from trainer.rollouts import GroupRequest, sample_groups


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask, the right answer, and the temperature to sample rollouts at."""

    text: str
    gold: str
    temperature: float = 1.0


@dataclass(frozen=True, slots=True)
class HeadData:
    """See the module's docstring for shapes."""

    features: NDArray[np.float32]
    correct: NDArray[np.bool_]
    group: NDArray[np.int32]
    rollout: NDArray[np.int32]
    tokens: NDArray[np.int32]
    final: NDArray[np.bool_]

    def where(self, mask: NDArray[np.bool_]) -> HeadData:
        return HeadData(*(getattr(self, f.name)[mask] for f in fields(self)))

    def places(self, positions: Sequence[int]) -> dict[str, NDArray[np.bool_]]:
        """Rows of each position and of the final token by name, where both right and wrong ones are."""
        masks = {str(p): (self.tokens == p) & ~self.final for p in positions}
        masks["final"] = self.final
        return {
            name: mask
            for name, mask in masks.items()
            if mask.any() and 0 < self.correct[mask].sum() < mask.sum()
        }

    def save(self, path: Path) -> None:
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            np.savez(file, **{f.name: getattr(self, f.name) for f in fields(self)})
        part.replace(path)

    @staticmethod
    def load(path: Path) -> HeadData:
        with np.load(path, allow_pickle=False) as stored:
            return HeadData(*(stored[f.name] for f in fields(HeadData)))

    @staticmethod
    def concat(parts: Sequence[HeadData]) -> HeadData:
        return HeadData(
            *(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(HeadData))
        )


def collect(
    engine: Any,
    questions: Sequence[Question],
    *,
    samples: int,
    positions: Sequence[int],
    seed: int,
    folder: Path,
    shard: int = 100,
    max_tokens: int = 256,
) -> HeadData:
    """Sample ``samples`` rollouts of every question, verify them, keep their features.

    Works in shards of ``shard`` questions written to ``folder``; shards already there are kept, so
    an interrupted run goes on where it stopped.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    pool = AnswerPool(workers=1, timeout_s=5.0)
    try:
        for start in tqdm(range(0, len(questions), shard), unit="shard", desc="rollouts"):
            path = folder / f"{start:06d}.npz"
            if not path.exists():
                batch = questions[start : start + shard]
                _collect_shard(
                    engine, pool, batch, start, samples, positions, seed, max_tokens
                ).save(path)
            parts.append(HeadData.load(path))
    finally:
        pool.close()
    return HeadData.concat(parts)


def _collect_shard(
    engine: Any,
    pool: AnswerPool,
    questions: Sequence[Question],
    start: int,
    samples: int,
    positions: Sequence[int],
    seed: int,
    max_tokens: int,
) -> HeadData:
    requests = [
        GroupRequest(
            str(start + i),
            question.text,
            seed + (start + i) * samples,
            temperature=question.temperature,
            record=positions,
        )
        for i, question in enumerate(questions)
    ]
    groups = sample_groups(engine, requests, samples, max_tokens=max_tokens)
    (recorded,) = engine.collective_rpc("arrol_take_features")
    texts = [rollout.text for group in groups for rollout in group]
    golds = [question.gold for question in questions for _ in range(samples)]
    verdicts = pool.judge_many(list(zip(texts, golds, strict=True)), AnswerSpec())
    length = {(r.group, r.index): r.token_count for group in groups for r in group}
    right = dict(zip(length, verdicts, strict=True))
    rows = [
        row
        for row, key in enumerate(zip(recorded.groups, recorded.indices, strict=True))
        if right[key] is not None  # no verdict in time is no label
    ]
    keys = [(recorded.groups[row], recorded.indices[row]) for row in rows]
    tokens = np.array([recorded.tokens[row] for row in rows], dtype=np.int32)
    return HeadData(
        features=np.stack([recorded.features[row].numpy() for row in rows]).astype(np.float32),
        correct=np.array([right[key] for key in keys], dtype=np.bool_),
        group=np.array([int(group) for group, _ in keys], dtype=np.int32),
        rollout=np.array([index for _, index in keys], dtype=np.int32),
        tokens=tokens,
        final=tokens == np.array([length[key] for key in keys], dtype=np.int32),
    )
