"""What an evaluation asks: one set or several, each called by its own name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.paths import MODEL
from trainer.config import load_config
from trainer.engines.opening import open_room
from trainer.errors import ConfigError
from trainer.held_out.questions import QuestionSet, names_of, question_sets


def rows(path: Path, count: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({"question": f"What is {n}+1?", "answer": str(n + 1)}) for n in range(count)
    ]
    path.write_text("\n".join(lines))
    return path


def sets(*changes: str) -> list[QuestionSet]:
    config = load_config(None, ["eval.every=1", *changes])
    return question_sets(config.eval, config.data, open_room(MODEL, config.rollout))


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["held_out"], ["held_out"]),
        (["hub:openai/gsm8k", "data/math.jsonl"], ["gsm8k", "math"]),
        (["gsm8k/test.jsonl", "aime/test.jsonl"], ["gsm8k-test", "aime-test"]),
        (["a b(c).jsonl"], ["a-b-c"]),
    ],
)
def test_sets_are_called_by_what_tells_them_apart(sources: list[str], names: list[str]) -> None:
    assert names_of(sources) == names


def test_two_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(ConfigError, match="two are called x-test"):
        names_of(["a/x/test.jsonl", "b/x/test.jsonl"])


def test_a_short_file_is_asked_once(tmp_path: Path) -> None:
    file = rows(tmp_path / "few.jsonl", 3)
    generated, few = sets(f'eval.sources=["held_out", "{file}"]', "eval.questions=5")
    assert (generated.name, len(generated.prompts)) == ("held_out", 5)
    assert sorted(prompt.question for prompt in few.prompts) == [
        f"What is {n}+1?" for n in range(3)
    ]
    assert few.source == str(file), "its rewards are those of a file, whatever is trained on"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("eval.sources=arithmetic", "neither 'held_out' nor a file"),
        ("eval.sources=gym", "neither 'held_out' nor a file"),
        ("eval.keep_best=few/pass@1", "with one source leave the name out"),
    ],
)
def test_what_is_no_set_is_refused(change: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        sets(change)


def test_the_figure_of_a_set_that_there_is_not_is_refused(tmp_path: Path) -> None:
    file = rows(tmp_path / "few.jsonl", 3)
    with pytest.raises(
        ConfigError, match="no source is called 'fw' in the figures; there are held_out, few"
    ):
        sets(f'eval.sources=["held_out", "{file}"]', "eval.keep_best=fw/pass@1")
