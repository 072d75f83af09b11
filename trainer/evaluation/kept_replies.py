"""Replies of an evaluation, kept for people: ``replies.jsonl.gz`` of its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainer.errors import ConfigError
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import Reply
from trainer.evaluation.records import Record
from trainer.samples.kept import ShownGroup, ShownReply, read_groups

FILE = "replies.jsonl.gz"


def shown(item: Item, record: Record, replies: Sequence[Reply]) -> ShownGroup:
    """One question's replies as they were graded."""
    return ShownGroup(
        name=item.id,
        part=record.arm,
        question=item.question,
        gold=item.gold,
        before=item.before,
        replies=tuple(
            ShownReply(
                index=sample.index,
                text=reply.text,
                tokens=sample.tokens,
                fate=sample.fate,
                right=sample.right,
                answer=sample.answer,
                figures={"quality": sample.quality, "confidence": sample.confidence},
            )
            for sample, reply in zip(record.samples, replies, strict=True)
        ),
    )


def kept_replies(run: Path) -> list[ShownGroup]:
    """Raises ``ConfigError`` where ``run`` has none, ``RecordError`` where they cannot be read."""
    if not (run / FILE).exists():
        why = (
            "it ran with --no-replies"
            if (run / "settings.json").exists()
            else "it is no evaluation"
        )
        raise ConfigError(f"{run} holds no {FILE}: {why}")
    return read_groups(run / FILE)
