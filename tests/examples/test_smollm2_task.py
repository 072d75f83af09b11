"""The example's questions and the worked examples in its chat template."""

from __future__ import annotations

import shutil
from pathlib import Path

from transformers import AutoTokenizer

from examples.smollm2.task import WORKED, question, questions, teach, worked
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
