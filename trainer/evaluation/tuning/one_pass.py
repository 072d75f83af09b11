"""The unpruned pass, kept question by question, and what is made of it for replays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.rollout import Fate
from arrol_serve.voting import Ballot
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import Reply
from trainer.evaluation.records import Record
from trainer.evaluation.reporting.methods import blind
from trainer.evaluation.reporting.uniform_vote import uniform_votes
from trainer.evaluation.runs import sample_all
from trainer.evaluation.tuning.recorded import Recorded

ARM = "unpruned, scored"
CHUNK = 8
"""Questions that are sampled, then kept."""


def sample_pass(
    sample: Callable[[Sequence[Item]], list[list[Reply]]],
    pool: AnswerPool,
    items: Sequence[Item],
    folder: Path,
    spec: AnswerSpec,
    *,
    keep_replies: bool = True,
) -> list[Recorded]:
    """What is missing is sampled now, with a bar."""
    kept = sample_all(
        lambda _, some: sample(some), pool, items, [ARM], folder,
        chunk=CHUNK, spec=spec, keep_replies=keep_replies,
    )  # fmt: skip
    return [recorded(record) for record in kept[ARM]]


def recorded(record: Record) -> Recorded:
    """The arrays of one kept record."""
    samples = record.samples
    finished = [s.fate == Fate.FINISHED.value for s in samples]
    ballots = [Ballot(s.index, s.answer, s.quality) for s in samples]
    return Recorded(
        id=record.id,
        tokens=tuple(s.tokens for s in samples),
        ballots=tuple(b if ok else None for b, ok in zip(ballots, finished, strict=True)),
        right=tuple(s.right is True for s in samples),
        scores=tuple(dict(s.probes) for s in samples),
        uniform=tuple(uniform_votes(*blind(samples))),
    )
