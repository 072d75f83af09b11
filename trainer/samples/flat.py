"""Sampled groups as one table, a row a reply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainer.samples.kept import ShownGroup, names

COLUMNS = ("group", "question", "gold", "reply", "fate", "right", "tokens")


def flat_table(groups: Sequence[ShownGroup]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows; figures that a reply has not are None."""
    figures = list(names(groups))
    rows = [
        [
            group.name,
            group.question,
            group.gold,
            reply.text,
            reply.fate,
            reply.right,
            reply.tokens,
            *(reply.figures.get(name) for name in figures),
        ]
        for group in groups
        for reply in group.replies
    ]
    return [*COLUMNS, *figures], rows
