"""Rows of a JSONL, JSON, CSV, TSV or Parquet file, each with the place where it stands."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.errors import DataError

Rows = Iterator[tuple[str, Any]]
"""(where, row); ``where`` ends in its number. A line that is no JSON comes as the ``ValueError``."""
SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
LISTS = ("data", "rows", "questions", "examples", "train", "test")
"""Keys under which a JSON object may hold the rows."""


def file_rows(path: Path) -> Rows:
    """Raises ``DataError`` naming the file, and the line where there is one."""
    if path.suffix in (".csv", ".tsv"):
        return _csv_rows(path)
    if path.suffix == ".parquet":
        return _parquet_rows(path)
    return _json_rows(path)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from error


def _json_rows(path: Path) -> Rows:
    """An array of objects, an object that holds one, or a line for each row, whatever the suffix."""
    data = _bytes(path)
    whole = _array(path, data)
    if whole is not None:
        yield from ((f"{path.name} item {number}", row) for number, row in enumerate(whole, 1))
        return
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:  # not JSON, or not UTF-8
            row = error
        yield f"{path.name} line {number}", row


def _array(path: Path, data: bytes) -> list[Any] | None:
    """None: the file is to be read line by line."""
    try:
        body = json.loads(data)
    except ValueError as error:
        opens_array = data.lstrip()[:1] == b"["
        if opens_array and (path.suffix == ".json" or b"{" in data.lstrip().split(b"\n")[0]):
            raise DataError(f"{path} is no JSON array: {_place(error)}") from error
        return None
    if isinstance(body, dict):
        lists = [body[key] for key in LISTS if isinstance(body.get(key), list)]
        if len(lists) == 1:
            return list(lists[0])
        if path.suffix == ".json" and any(
            isinstance(value, dict | list) for value in body.values()
        ):
            keys = ", ".join(list(body)[:8])
            raise DataError(
                f"{path} is one JSON object with {keys}: what is needed is an array of objects, one for "
                f"each question, by itself or under one of {', '.join(LISTS)}"
            )
        return None
    if isinstance(body, list) and any(isinstance(row, dict) for row in body):
        return body
    return None


def _place(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    return str(error)


def _csv_rows(path: Path) -> Rows:
    """Lines end where CSV says, not at every character that Unicode takes for a line's end."""
    try:
        text = io.StringIO(_bytes(path).decode("utf-8-sig"), newline="")
        delimiter = "\t" if path.suffix == ".tsv" else ","
        reader = csv.DictReader(text, restkey="", strict=True, delimiter=delimiter)
        for row in reader:
            if row.get(""):
                raise DataError(
                    f"{path.name} line {reader.line_num}: more fields than the first line has names; a "
                    'text with commas stands in "quotes"'
                )
            yield f"{path.name} line {reader.line_num}", row
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV file in UTF-8 ({error})") from error


def _parquet_rows(path: Path) -> Rows:
    try:
        from pyarrow import ArrowException, parquet  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise DataError(
            f"{path} needs the package pyarrow: pip install 'arrol-serve[hub]'"
        ) from error
    _bytes(path)  # says itself what the system says
    number = 0
    try:
        for batch in parquet.ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"{path.name} row {number}", row
    except (ArrowException, OSError, ValueError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"{path} is no Parquet file ({reason[0]})") from error
