"""Prompts by number, and files with broken rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from arrol_serve.errors import InvalidRequest
from trainer.bundled.arithmetic import held_out_questions
from trainer.config import DataSection
from trainer.data import Arithmetic, JsonLines, open_source

ROWS = '{"question": "2+2?", "answer": 4}\n{"question": "3+3?", "answer": "6"}\n\n{"question": "x"}\n[1]\n'


def file(folder: Path, text: str = ROWS) -> Path:
    path = folder / "rows.jsonl"
    path.write_text(text)
    return path


def test_arithmetic_prompts_depend_on_seed_and_number_alone() -> None:
    first, second = Arithmetic((5, 6), seed=3), Arithmetic((5, 6), seed=3)
    ahead = first.prompt(9)
    assert [first.prompt(n) for n in range(4)] == [second.prompt(n) for n in range(4)]
    assert second.prompt(9) == ahead
    assert Arithmetic((5, 6), seed=4).prompt(9) != ahead
    assert [first.prompt(n).kind for n in range(3)] == ["level 5", "level 6", "level 5"]


def test_held_out_questions_are_never_trained_on() -> None:
    held_out = {text for text, _ in held_out_questions(0, 60, 1)}
    source = Arithmetic((1,), seed=0)
    assert held_out.isdisjoint(source.prompt(n).question for n in range(2000))


def test_each_epoch_of_a_file_has_all_rows_in_its_own_order(tmp_path: Path) -> None:
    text = "".join(f'{{"question": "q{i}", "answer": "{i}"}}\n' for i in range(20))
    source = JsonLines(file(tmp_path, text), DataSection(), seed=1)
    epochs = [[source.prompt(e * 20 + n).gold for n in range(20)] for e in (0, 1, 0)]
    assert sorted(epochs[0], key=int) == [str(i) for i in range(20)]
    assert epochs[0] != epochs[1]
    assert epochs[0] == epochs[2]


def test_broken_rows_are_named_by_line(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidRequest, match=r"2 broken rows.*line 4: no text in the field 'answer'"
    ):
        JsonLines(file(tmp_path), DataSection(), seed=0)


def test_broken_rows_are_skipped_where_asked(tmp_path: Path) -> None:
    source = JsonLines(file(tmp_path), DataSection(broken_rows="skip"), seed=0)
    assert {source.prompt(n).gold for n in range(2)} == {"4", "6"}
    assert source.broken == [
        "rows.jsonl line 4: no text in the field 'answer'",
        "rows.jsonl line 5: not a JSON object",
    ]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (DataSection(source="nowhere.jsonl"), "cannot be read"),
        (DataSection(levels=(9,)), "data.levels"),
    ],
)
def test_a_source_that_is_none_is_refused(config: DataSection, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        open_source(config, 0)
