"""Files that cannot be used are refused with the reason."""

from pathlib import Path

import pytest

from trainer.evaluation.datasets import DataError, Item, Source, load


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no questions"),
        ("{]\n", "line 1: not JSON"),
        ("[1]\n", "line 1: not a JSON object"),
        ('{"question": "a?"}\n', "no text in 'answer'"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match=why):
        load([str(path)], Source())


def test_columns_of_a_csv_file_are_mapped(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("q,a\n1+1?,2\n")
    source = Source(question_field="q", answer_field="a")
    assert load([str(path)], source) == [Item("mine/2", "1+1?", "2")]
