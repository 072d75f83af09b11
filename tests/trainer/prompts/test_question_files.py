"""Questions in the forms that people have them in, through the reader that all three commands use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.errors import DataError
from trainer.prompts.table import Table, read_table
from trainer.sections import DataSection

ROWS = [
    {"problem": "2+2?", "solution": "so \\boxed{4}"},
    {"problem": "3+3?", "solution": "\\boxed{6}"},
]


def table(place: Path, **options: Any) -> Table:
    return read_table(DataSection(source=str(place), **options))


def asked(found: Table) -> list[tuple[str, str | None]]:
    assert not found.broken
    return [(row.question, row.gold) for _, row in found.rows]


def written(folder: Path, kind: str) -> Path:
    place = folder / f"mine.{kind}"
    if kind == "jsonl":
        place.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif kind == "json":
        place.write_text(json.dumps(ROWS, indent=2))
    elif kind in ("csv", "tsv"):
        mark = "," if kind == "csv" else "\t"
        lines = [mark.join(ROWS[0]), *(mark.join(row.values()) for row in ROWS)]
        place.write_text("\n".join(lines) + "\n")
    else:
        arrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(arrow.Table.from_pylist(ROWS), place)
    return place


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet"])
def test_the_same_rows_from_every_form(tmp_path: Path, kind: str) -> None:
    found = table(written(tmp_path, kind))
    assert asked(found) == [("2+2?", "4"), ("3+3?", "6")]
    assert (
        "questions from 'problem', answers from 'solution', out of their box; 2 rows" in found.note
    )


def test_an_array_in_a_jsonl_file_and_lines_in_a_json_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(ROWS))
    (tmp_path / "b.json").write_text("\n".join(map(json.dumps, ROWS)))
    (tmp_path / "c.json").write_text(json.dumps({"version": "1", "data": ROWS}))
    wanted = [("2+2?", "4"), ("3+3?", "6")]
    assert [asked(table(tmp_path / n)) for n in ("a.jsonl", "b.json", "c.json")] == [wanted] * 3


@pytest.mark.parametrize("mark", ["\u2028", "\u0085", "\x0c", "\x1c", "\r"])
def test_only_line_ends_end_rows(tmp_path: Path, mark: str) -> None:
    (tmp_path / "a.csv").write_bytes(f'question,answer\r\n"1+1{mark}= ?",2\r\n'.encode())
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"question": f"1+1{mark}= ?", "answer": 2}, ensure_ascii=False) + "\n"
    )
    for name in ("a.csv", "a.jsonl"):
        assert asked(table(tmp_path / name)) == [(f"1+1{mark}= ?", "2")]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.json", b'[{"q": "a"},\n {"q" "b"}]', r"a\.json is no JSON array: line 2, column 7"),
        ("a.json", b'{"train": {"q": 1}, "x": [1]}', "one JSON object with train, x: what is needed"),
        ("a.parquet", b"PAR", r"a\.parquet is no Parquet file"),
        ("a.csv", b"question,answer\n1,000+1?,1001\n", r"a\.csv line 2: more fields than the first line"),
        ("a.csv", "question,answer\n\u00e9,1\n".encode("latin-1"), r"a\.csv is no CSV file in UTF-8"),
        ("a.jsonl", b"", r"a\.jsonl: it holds no questions"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, name: str, data: bytes, why: str
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=why):
        table(tmp_path / name)


def test_a_file_that_is_not_there_is_none_of_a_hub(tmp_path: Path) -> None:
    for name in ("none.jsonl", "none.parquet", "none.csv"):
        with pytest.raises(DataError, match=rf"{name} cannot be read \(No such file"):
            table(tmp_path / name)
