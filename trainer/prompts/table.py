"""The questions of a file or dataset: fields found, rows read, broken ones named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from trainer.errors import DataError
from trainer.prompts.columns import LOOKED_AT, MARK, Asked, Columns, find_columns
from trainer.prompts.rows import rows_of
from trainer.sections import DataSection

OPTIONS = "Name the fields with --question-field and --answer-field, what answers follow with --answer-after"
KEYS = (
    "Name the fields with data.question and data.answer, what answers follow with data.answer_after"
)
WORDS, WIDTH = 20, 60
"""Words of an answer from which on it is taken for a solution; characters of it that a note shows."""
SHOWN = 3
"""Broken rows that a message names."""


@dataclass(frozen=True, slots=True)
class Table:
    """``rows``: where each stands, and what it asks. ``broken``: what is wrong with the others, by place."""

    source: str
    columns: Columns | None
    rows: Sequence[tuple[str, Asked]]
    broken: Sequence[str]

    @property
    def note(self) -> str:
        """What was taken for what, and which answers are hardly final ones."""
        odd = [asked.gold for _, asked in self.rows if asked.gold and not_final(asked.gold)]
        told = f"{self.source}: {self.columns}; {len(self.rows)} rows"
        if odd:
            told += (
                f"; compared as whole texts: {len(odd)} of the answers, such as {shortened(odd[0])!r}; the "
                "final answer alone should stand there"
            )
        return told


def not_final(gold: str) -> bool:
    """Whether it looks like a solution, which no reply is ever equal to."""
    return MARK in gold or len(gold.split()) > WORDS


def shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."


def complaint(broken: Sequence[str], fix: str) -> str:
    """``fix``: what may help."""
    what = "row" if len(broken) == 1 else "rows"
    return f"{len(broken)} broken {what}, the first: {'; '.join(broken[:SHOWN])}. {fix}"


def read_table(data: DataSection, limit: int | None = None, *, gold: bool = True) -> Table:
    """The first ``limit`` rows of ``data.source``. Without ``gold`` rows need no answer.

    Raises ``DataError`` where the source cannot be read.
    """
    rows = list(islice(rows_of(data.source, data.subset, data.split), limit))
    good, broken = list[tuple[str, Asked]](), list[str]()
    if not rows:
        raise DataError(f"{data.source}: it holds no questions")
    columns = _columns(rows, data, gold=gold)
    for where, row in rows:
        try:
            if isinstance(columns, ValueError):
                raise columns
            good.append((where, columns.read(row, gold=gold)))
        except ValueError as error:
            broken.append(f"{where}: {error}")
    found = None if isinstance(columns, ValueError) else columns
    return Table(data.source, found, good, broken)


def _columns(
    rows: Sequence[tuple[str, Any]], data: DataSection, *, gold: bool
) -> Columns | ValueError:
    """The error is every row's."""
    looked = [row for _, row in rows[:LOOKED_AT] if isinstance(row, dict)] or [rows[0][1]]
    try:
        return find_columns(looked, data.question, data.answer, data.answer_after)
    except ValueError as error:
        if gold:
            return error
    try:  # nobody needs the answers
        return find_columns(
            looked, data.question, data.answer if data.answer != "auto" else "answer", ""
        )
    except ValueError as error:
        return error
