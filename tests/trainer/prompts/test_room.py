"""Prompts that leave no room for a reply are named before a run begins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.paths import MODEL
from trainer.config import TrainConfig, load_config
from trainer.engines.opening import open_room
from trainer.errors import ConfigError
from trainer.held_out.questions import question_sets
from trainer.loop import Trainer
from trainer.prompts.room import Room, with_room
from trainer.prompts.sources import open_source
from trainer.run.folder import RunFolder

TIGHT = ["rollout.max_tokens=64", "rollout.max_model_len=96", "prune.probes=[16]"]
LONG = "What is " + "+".join(["12"] * 40) + "?"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Its second row has more tokens than there is room for."""
    questions = ["What is 1+2?", LONG, "What is 3+4?"]
    rows = [json.dumps({"question": question, "answer": "3"}) for question in questions]
    path = tmp_path / "sums.jsonl"
    path.write_text("\n".join(rows))
    return path


def config(*changes: str) -> TrainConfig:
    return load_config(None, [*TIGHT, *changes])


def room(chosen: TrainConfig) -> Room:
    return open_room(MODEL, chosen.rollout)


def test_a_run_names_the_row_before_it_begins(file: Path, tmp_path: Path) -> None:
    chosen = config(f"data.source={file}", "prune.mode=none")
    with pytest.raises(
        ConfigError, match=r"row 2: its prompt has 1\d\d tokens, and rollout.max_model"
    ):
        Trainer(chosen, RunFolder(tmp_path / "run"))


def test_questions_of_evaluations_are_looked_at_too(file: Path) -> None:
    chosen = config(f"eval.sources={file}", "eval.every=1")
    with pytest.raises(ConfigError, match="row 2: its prompt has"):
        question_sets(chosen.eval, chosen.data, room(chosen))


def test_rows_without_room_can_be_skipped(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = config(f"data.source={file}", "data.broken_rows=skip")
    source = with_room(open_source(chosen.data, 0), room(chosen))
    asked = [source.prompt(number).question for number in range(4)]
    assert sorted(set(asked)) == ["What is 1+2?", "What is 3+4?"]
    assert "1 broken rows" in capsys.readouterr().err


def test_generated_prompts_give_way_to_others_of_their_level() -> None:
    """A bound in the middle of what questions of these levels need."""
    wide = config("data.levels=[2,7]")
    plain = open_source(wide.data, 0)
    lengths = [room(wide).length(plain.prompt(n).question, ()) for n in range(1, 41, 2)]
    middle = sorted(lengths)[10]
    tight = room(config("data.levels=[2,7]", f"rollout.max_model_len={64 + middle}"))
    source = with_room(plain, tight)
    for number in range(40):
        prompt = source.prompt(number)
        assert tight.length(prompt.question, ()) <= middle
        assert prompt.kind == plain.prompt(number).kind
        assert tight.fault(plain.prompt(number)) or prompt == plain.prompt(number)


def test_where_none_fits_it_is_said() -> None:
    chosen = config("rollout.max_model_len=66")
    source = with_room(open_source(chosen.data, 0), room(chosen))
    with pytest.raises(ConfigError, match="leaves 2 beside"):
        source.prompt(0)


def test_a_model_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run\.model: the tokenizer of .* cannot make a prompt"):
        open_room(tmp_path, config().rollout)


def test_what_is_said_before_the_question_takes_room_too(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "1+" * 40}, {"role": "user", "content": "What is 1+2?"}]
    path = tmp_path / "chats.jsonl"
    path.write_text(json.dumps({"messages": turns, "answer": "3"}))
    chosen = config(f"data.source={path}")
    with pytest.raises(ConfigError, match="row 1: its prompt has"):
        with_room(open_source(chosen.data, 0), room(chosen))
    system = config('chat.system="' + "1+" * 40 + '"').chat
    assert open_room(MODEL, chosen.rollout, system).length("1", ()) > 80
