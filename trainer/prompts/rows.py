"""Rows with questions: of a JSONL or CSV file, or of a Hugging Face dataset."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.errors import DataError

HUB = "hub:"


def rows_of(source: str, subset: str, split: str) -> Iterator[tuple[str, Any]]:
    """``(where, row)`` of each row; ``where`` ends in its number. A line that is no JSON comes as
    the ``ValueError`` that says so.

    ``source``: a file, or ``hub:NAME``, whose ``subset`` and ``split`` are taken. Raises
    ``DataError`` where it cannot be read.
    """
    if source.startswith(HUB):
        return _hub_rows(source.removeprefix(HUB), subset, split)
    path = Path(source)
    return _csv_rows(path) if path.suffix == ".csv" else _json_rows(path)


def text_of(row: Any, path: str) -> str:
    """The text at a dotted path, such as ``answer`` or ``prompt.0.content``.

    Raises ``ValueError`` saying what is there instead.
    """
    if isinstance(row, ValueError):
        raise ValueError(f"not JSON ({row})")
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    value: Any = row
    for part in path.split(".") if path not in row else [path]:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            value = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        known = ", ".join(map(str, row))
        raise ValueError(f"no text in the field {path!r}; the row has {known or 'no fields'}")
    return value


def question_and_answer(row: Any, question: str, answer: str, answer_after: str) -> tuple[str, str]:
    """Both texts of a row by the names of their fields. Raises ``ValueError`` saying what is missing."""
    asked, gold = text_of(row, question), text_of(row, answer)
    return asked, after(gold.strip(), answer_after) if answer_after else gold


def after(text: str, mark: str) -> str:
    """What follows the last ``mark``. Raises ``ValueError`` if nothing does."""
    _, found, answer = text.rpartition(mark)
    if not found or not answer.strip():
        raise ValueError(f"no text after {mark!r}")
    return answer.strip()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from error


def _json_rows(path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(_bytes(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:  # not JSON, or not UTF-8
            row = error
        yield f"{path.name} line {number}", row


def _csv_rows(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        text = _bytes(path).decode("utf-8-sig")
        reader = csv.DictReader(text.splitlines(keepends=True), restkey="", strict=True)
        for row in reader:
            yield f"{path.name} line {reader.line_num}", row
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV file in UTF-8 ({error})") from error


def _hub_rows(name: str, subset: str, split: str) -> Iterator[tuple[str, Any]]:
    """Rows of a dataset on the hub, in the hub's local forms, or saved with ``save_to_disk``."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise DataError(
            f"{HUB}{name} needs the package datasets: pip install 'arrol-serve[hub]'"
        ) from error
    try:
        if any((Path(name) / f"dataset_{kind}.json").exists() for kind in ("info", "dict")):
            found = datasets.load_from_disk(name)
            rows = found[split] if hasattr(found, "keys") else found
        else:
            rows = datasets.load_dataset(name, subset or None, split=split)
    except Exception as error:  # whatever the hub's client, a file or a split may raise
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"{HUB}{name} (split {split!r}) cannot be loaded: {reason[0]}") from error
    for number, row in enumerate(rows):
        yield f"{name} row {number}", row
