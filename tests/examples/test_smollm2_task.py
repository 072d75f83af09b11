"""The example's questions and the worked examples in its chat template."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from examples.smollm2.task import WORKED, differences, question, questions, teach, worked
from examples.smollm2.told import AGAINST, SPENT, told
from tests.paths import MODEL


def test_worked_answers_add_one_number_after_the_other() -> None:
    assert worked((8, 9, 9)) == "8 + 9 = 17. 17 + 9 = 26. The answer is 26."


def test_questions_differ_and_none_is_worked() -> None:
    every = questions(721, seed=3)
    assert len({row["question"] for row in every}) == 721
    assert not {question(numbers) for numbers in WORKED} & {row["question"] for row in every}
    assert every == questions(721, seed=3)
    assert all(
        eval(row["question"][8:-1]) == int(row["answer"])  # noqa: S307 our own sums
        for row in every
    )


def test_differences_have_a_minus_and_never_fall_below_0() -> None:
    every = differences(200, seed=3)
    assert len({row["question"] for row in every}) == 200
    for row in every:
        text = row["question"][8:-1]
        first, sign, second, *_ = text.split()
        assert "-" in text
        assert eval(f"{first}{sign}{second}") >= 0  # noqa: S307 our own sums
        assert eval(text) == int(row["answer"]) >= 0  # noqa: S307


def test_fewer_examples_can_be_taught(tmp_path: Path) -> None:
    model = shutil.copytree(MODEL, tmp_path / "model")
    teach(model, 2)
    template = (model / "chat_template.jinja").read_text()
    assert [question(numbers) in template for numbers in WORKED] == [True, True, *[False] * 6]


def test_what_training_found_is_told_with_its_intervals() -> None:
    def gain(before: float, after: float) -> dict[str, Any]:
        def with_(name: str, value: float) -> dict[str, Any]:
            return {name: value, "interval": [value - 0.05, value + 0.05]}

        pair = {"first": with_("accuracy", before), "second": with_("accuracy", after)}
        return with_("difference", after - before) | pair

    means = dict.fromkeys(SPENT, 12.4) | {"kept": 0.625}
    run = {"steps": 24, "reward": [], "means": means}
    made = {"command": "python -m it", "machine": "here, 1 cores", "date": "2026-11-30"}
    gains = {"none": gain(0.2, 0.9), "arrol": gain(0.2, 0.8), AGAINST: gain(0.9, 0.8)}
    text = told({"made": made, "runs": {"none": run, "arrol": run}, "gains": gains})
    assert "| before | 0.200 (0.150 to 0.250) | | | | | |" in text
    assert (
        "| none, 24 steps | 0.900 (0.850 to 0.950) | +0.700 (+0.650 to +0.750) | 12 | 12 | 0.62 | 12 |"
        in text
    )
    assert "Pruned against unpruned: -0.100 (-0.150 to -0.050)." in text


def test_a_taught_template_puts_the_examples_first_unless_there_is_a_system_message(
    tmp_path: Path,
) -> None:
    model = shutil.copytree(MODEL, tmp_path / "model")
    teach(model)
    once = (model / "chat_template.jinja").read_text()
    teach(model)
    assert (model / "chat_template.jinja").read_text() == once
    tokenizer = AutoTokenizer.from_pretrained(model)
    asked = {"role": "user", "content": "What is 1 + 2 + 3?"}

    def rendered(*messages: dict[str, str]) -> str:
        text = tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, tokenize=False
        )
        assert isinstance(text, str)
        return text

    places = [rendered(asked).index(question(numbers)) for numbers in WORKED]
    assert places == sorted(places)
    assert places[-1] < rendered(asked).index(asked["content"])
    system = {"role": "system", "content": "Be brief."}
    assert question(WORKED[0]) not in rendered(system, asked)
