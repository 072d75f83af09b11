"""Prompts by number, and files with broken rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.errors import ConfigError
from trainer.prompts.arithmetic import held_out_questions
from trainer.prompts.columns import text_of
from trainer.prompts.gym import Gym, score
from trainer.prompts.listed import Listed
from trainer.prompts.sources import Arithmetic, open_source
from trainer.sections import DataSection

ROWS = '{"question": "2+2?", "answer": 4}\n{"question": "3+3?", "answer": "6"}\n\n{"question": "x"}\n[1]\n'


def file(folder: Path, text: str = ROWS) -> Path:
    path = folder / "rows.jsonl"
    path.write_text(text)
    return path


def listed(path: Path, seed: int = 0, **options: Any) -> Listed:
    return Listed(DataSection(source=str(path), **options), seed)


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
    source = listed(file(tmp_path, text), seed=1)
    epochs = [[source.prompt(e * 20 + n).gold for n in range(20)] for e in (0, 1, 0)]
    assert sorted(epochs[0], key=int) == [str(i) for i in range(20)]
    assert epochs[0] != epochs[1]
    assert epochs[0] == epochs[2]


def test_broken_rows_are_named_by_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"2 broken rows.*line 4: no text in the field 'answer'"):
        listed(file(tmp_path))


def test_broken_rows_are_skipped_where_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = listed(file(tmp_path), broken_rows="skip")
    assert {source.prompt(n).gold for n in range(2)} == {"4", "6"}
    assert source.broken == [
        "rows.jsonl line 4: no text in the field 'answer'; the row has question",
        "rows.jsonl line 5: not a JSON object",
    ]
    assert "2 broken rows" in capsys.readouterr().err


def test_lines_that_are_not_json_are_broken_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"question": "a", "answer": "1"}\n{"question": \n\xff\xfe\n')
    with pytest.raises(ConfigError, match=r"2 broken rows.*line 2: not JSON"):
        listed(path)


def test_fields_may_be_nested_and_marked(tmp_path: Path) -> None:
    row = {
        "prompt": [{"role": "user", "content": "2+2?"}],
        "reward_model": {"ground_truth": "So 2+2.\n#### 4"},
    }
    options = {"question": "prompt.0.content", "answer": "reward_model.ground_truth"}
    source = listed(file(tmp_path, json.dumps(row)), answer_after="####", **options)
    assert (source.prompt(0).question, source.prompt(0).gold) == ("2+2?", "4")
    assert text_of({"a.b": "flat"}, "a.b") == "flat"
    with pytest.raises(ValueError, match=r"'prompt\.1\.content'; the row has prompt, reward_model"):
        text_of(row, "prompt.1.content")
    with pytest.raises(ConfigError, match="no text after '===='"):
        listed(file(tmp_path, json.dumps(row)), answer_after="====", **options)


def test_hugging_face_datasets_from_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {"question": ["2+2?", "3+3?", ""], "answer": ["4", "6", "1"]}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "saved")
    split = datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows)})
    split.save_to_disk(tmp_path / "split")
    (tmp_path / "plain").mkdir()
    datasets.Dataset.from_dict(rows).to_parquet(tmp_path / "plain" / "train.parquet")
    for folder in ("saved", "split", "plain"):
        config = DataSection(source=f"hub:{tmp_path / folder}", broken_rows="skip")
        source = open_source(config, 0)
        assert {source.prompt(n).gold for n in range(2)} == {"4", "6"}
        with pytest.raises(ConfigError, match=r"row 2: no text in the field 'question'"):
            open_source(config.model_copy(update={"broken_rows": "refuse"}), 0)


def test_a_dataset_or_split_that_is_none_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        open_source(DataSection(source=f"hub:{tmp_path / 'nowhere'}"), 0)


def test_gym_tasks_take_turns_and_depend_on_seed_and_number_alone() -> None:
    pytest.importorskip("reasoning_gym")
    tasks = ("chain_sum?min_terms=3&max_terms=3", "gcd")
    first, second = Gym(tasks, seed=5), Gym(tasks, seed=5)
    ahead = second.prompt(11)
    prompts = [first.prompt(number) for number in range(12)]
    assert prompts[11] == ahead
    assert [prompt.kind for prompt in prompts[:3]] == ["chain_sum", "gcd", "chain_sum"]
    assert len({prompt.question for prompt in prompts}) == 12
    assert Gym(tasks, seed=6).prompt(0) != prompts[0]
    assert score(prompts[0].gold, prompts[0].key) == 1.0
    assert score(prompts[0].gold + "1", prompts[0].key) < 1.0


@pytest.mark.parametrize(
    ("tasks", "says"),
    [
        ((), "needs data.tasks"),
        (("chain_sun",), "Did you mean 'chain_sum'"),
        (("chain_sum?no_such=1",), "refused by reasoning-gym"),
        (("chain_sum?min_terms=-3",), "refused by reasoning-gym"),
    ],
)
def test_gym_tasks_that_are_none_are_refused(tasks: tuple[str, ...], says: str) -> None:
    pytest.importorskip("reasoning_gym")
    with pytest.raises(ConfigError, match=says):
        open_source(DataSection(source="gym", tasks=tasks), 0)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (DataSection(source="nowhere.jsonl"), "cannot be read"),
        (DataSection(levels=(9,)), "data.levels"),
    ],
)
def test_a_source_that_is_none_is_refused(config: DataSection, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        open_source(config, 0)
