"""Questions with gold answers: by name, from a file, from a hub, or generated."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.bundled.arithmetic import held_out_questions

FILES = {
    "gsm8k": "gsm8k_test_first900",
    "math500": "math500",
    "amc23": "amc23",
    "aime24": "aime24",
    "aime25": "aime25",
    "minerva": "minerva_math",
    "olympiadbench": "olympiadbench_math",
    "dapo17k": "dapo_math_17k_en_decontam",
}
ARITHMETIC_SEED = 20_260_000
"""Head fitting draws its questions from other seeds and drops any that are here."""


class DataError(ValueError):
    """A data set that cannot be used; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Item:
    """``id`` is unique within one evaluation; it starts with the data set's name."""

    id: str
    question: str
    gold: str

    @property
    def sha256(self) -> str:
        """Tells apart questions that two files have under one id."""
        return hashlib.sha256(json.dumps([self.question, self.gold]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Source:
    """Where names are looked up and which columns hold what."""

    folder: Path | None = None
    question_field: str = "question"
    answer_field: str = "answer"
    limit: int | None = None


def load(names: Iterable[str], source: Source) -> list[Item]:
    """All items of all data sets, in order. Raises ``DataError``."""
    items: list[Item] = []
    for name in names:
        items += load_one(name, source)
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise DataError(f"two questions have the id {item.id!r}; name each data set once")
        seen.add(item.id)
    return items


def load_one(name: str, source: Source) -> list[Item]:
    """The items of a known name, ``arithmetic:LEVEL``, a JSONL or CSV file, or a hub's id."""
    if name.startswith("arithmetic:"):
        return _arithmetic(name, source.limit or 100)
    path = Path(name)
    if name in FILES:
        path = _known(name, source)
    elif path.suffix not in (".jsonl", ".csv"):
        return _from_hub(name, source)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    rows = _csv_rows(path) if path.suffix == ".csv" else _jsonl_rows(path)
    label = name if name in FILES else path.stem
    items = [_item(label, path, line, row, source) for line, row in rows[: source.limit]]
    if not items:
        raise DataError(f"{path}: the file holds no questions")
    return items


def _arithmetic(name: str, count: int) -> list[Item]:
    level = name.partition(":")[2]
    if level not in tuple("1234567"):
        raise DataError(f"{name}: the level must be 1 to 7, as in arithmetic:6")
    pairs = held_out_questions(ARITHMETIC_SEED, count, int(level))
    return [Item(f"{name}/{i}", question, gold) for i, (question, gold) in enumerate(pairs)]


def _known(name: str, source: Source) -> Path:
    folder = source.folder or Path(os.environ.get("ARROL_DATA", ""))
    if folder == Path():
        raise DataError(
            f"{name}: its licence does not let it ship here; give --data-dir or ARROL_DATA, "
            f"a folder that holds {FILES[name]}.jsonl"
        )
    return folder / f"{FILES[name]}.jsonl"


def _jsonl_rows(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    rows: list[tuple[int, Mapping[str, Any]]] = []
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: not a JSON object")
        rows.append((number, row))
    return rows


def _csv_rows(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(_text(path).splitlines(keepends=True))
    return [(reader.line_num, row) for row in reader]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error})") from error


def _item(label: str, path: Path, line: int, row: Mapping[str, Any], source: Source) -> Item:
    values = []
    for column, option in (
        (source.question_field, "--question-field"),
        (source.answer_field, "--answer-field"),
    ):
        value = row.get(column)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip():
            raise DataError(
                f"{path}, line {line}: no text in {column!r}; set {option} to one of "
                f"{', '.join(map(str, row))}"
            )
        values.append(value.strip())
    return Item(f"{label}/{line}", *values)


def _from_hub(name: str, source: Source) -> list[Item]:
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"{name}: not a known name ({', '.join(FILES)}, arithmetic:LEVEL), nor a .jsonl or "
            f".csv file; to take it from a hub, install the package datasets"
        ) from error
    rows = datasets.load_dataset(name, split="test")
    chosen = rows if source.limit is None else rows.select(range(min(source.limit, len(rows))))
    return [_item(name, Path(name), i, row, source) for i, row in enumerate(chosen, 1)]
