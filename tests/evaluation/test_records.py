"""Torn and corrupted record files."""

from pathlib import Path

import pytest

from trainer.errors import RecordError
from trainer.evaluation.records import Record, RecordFile, Sample


def record(name: str) -> Record:
    return Record("unpruned", name, "7", (Sample(0, 5, "finished", "7", True),))


def test_a_torn_last_line_is_cut_off_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    RecordFile(path).append([record("a"), record("b")])
    path.write_bytes(path.read_bytes()[:-9])
    again = RecordFile(path)
    assert list(again.records.values()) == [record("a")]
    again.append([record("b")])
    assert RecordFile(path).has("unpruned", ["a", "b"])


def test_a_corrupted_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    RecordFile(path).append([record("a")])
    path.write_text(path.read_text() + "{]\n")
    with pytest.raises(RecordError, match=r"records\.jsonl, line 2"):
        RecordFile(path)
