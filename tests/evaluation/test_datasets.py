"""Where questions come from, and what is said of those that cannot be used."""

import json
from pathlib import Path

import pytest

from trainer.errors import DataError
from trainer.evaluation.datasets import Item, Source, load, set_of


def file(folder: Path, text: str, name: str = "mine.jsonl") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no questions"),
        ("{]\n", r"mine\.jsonl line 1: not JSON"),
        ("\n[1]\n", r"mine\.jsonl line 2: not a JSON object"),
        (
            '{"question": "a?"}\n',
            "line 1: no answer under any of the usual names .*; the row has question",
        ),
        (
            '{"question": "a?"}\n{"question": "b?", "answer": "4"}\n{"question": "c?", "answer": [1, 2]}\n',
            "2 broken rows, the first: mine.jsonl line 1: .*; mine.jsonl line 3: 2 answers .* --answer-field",
        ),
    ],
)
def test_bad_files(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        load([file(tmp_path, text)], Source())


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gsm9k", "no data set 'gsm9k'; known: gsm8k, math500"),
        ("nowhere.csv", "cannot be read"),
        ("gsm8k", "give --data-dir or ARROL_DATA"),
        ("arithmetic:9", "level must be 1 to 7"),
    ],
)
def test_sets_that_are_none(name: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARROL_DATA", raising=False)
    with pytest.raises(DataError, match=why):
        load([name], Source())


def test_columns_of_a_csv_file_are_mapped(tmp_path: Path) -> None:
    place = file(tmp_path, 'q,a\n"1+1,\nplease?",2\n2+2?,4\n', "mine.csv")
    source = Source(question_field="q", answer_field="a")
    assert load([place], source) == [
        Item("mine/3", "1+1,\nplease?", "2"),
        Item("mine/4", "2+2?", "4"),
    ]
    for broken in ("q,a\n1+1?\n", 'q,a\n"1', "q,a\n\x00"):
        with pytest.raises(DataError, match=r"mine\.csv"):
            load([file(tmp_path, broken, "mine.csv")], source)


def test_fields_may_be_nested_and_marked(tmp_path: Path) -> None:
    row = {"prompt": [{"content": "2+2?"}], "answer": "So 2+2.\n#### 4"}
    source = Source(question_field="prompt.0.content", answer_after="####")
    assert load([file(tmp_path, json.dumps(row))], source) == [Item("mine/1", "2+2?", "4")]


def test_sets_by_name_come_from_a_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gsm8k_test_first900", "aime24"):
        file(tmp_path, '{"question": "2+2?", "answer": "4"}\n' * 3, f"{name}.jsonl")
    monkeypatch.setenv("ARROL_DATA", str(tmp_path))
    items = load(["gsm8k", "aime24", "arithmetic:1"], Source(limit=2))
    ids = ["gsm8k/1", "gsm8k/2", "aime24/1", "aime24/2", "arithmetic:1/0", "arithmetic:1/1"]
    assert [item.id for item in items] == ids
    assert {set_of(i) for i in ids} == {"gsm8k", "aime24", "arithmetic:1"}
    with pytest.raises(DataError, match="two questions have the id 'gsm8k/1'"):
        load(["gsm8k", "gsm8k"], Source())


def test_generated_tasks_give_different_questions() -> None:
    pytest.importorskip("reasoning_gym")
    items = load(["gym:chain_sum?min_terms=2&max_terms=2"], Source(limit=30))
    assert len({item.question for item in items}) == 30
    assert items == load(["gym:chain_sum?min_terms=2&max_terms=2"], Source(limit=30))
    few = "gym:gcd?min_numbers=2&max_numbers=2&min_value=4&max_value=5"
    with pytest.raises(DataError, match=r"has only \d different questions"):
        load([few], Source(limit=9))
    with pytest.raises(DataError, match="Did you mean 'chain_sum'"):
        load(["gym:chain_sun"], Source())


def test_hub_datasets_have_splits(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"question": ["2+2?"], "answer": ["4"]})
    datasets.DatasetDict({"test": rows}).save_to_disk(tmp_path / "saved")
    name = f"hub:{tmp_path / 'saved'}"
    assert load([name], Source()) == [Item(f"{name}/0", "2+2?", "4")]
    with pytest.raises(DataError, match="split 'dev'"):
        load([name], Source(split="dev"))
