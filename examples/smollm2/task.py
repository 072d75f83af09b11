"""A task that SmolLM2-135M-Instruct gets right about one time in three: sums of three one-digit numbers.

Asked alone it chats about them, and is nearly always wrong. Worked examples before the question, as earlier
turns of the conversation, make it add one number after the other.
"""

from __future__ import annotations

import json
import random
from itertools import product
from pathlib import Path
from typing import Any

TERMS = 3
COUNT = 721
WORKED = (
    (4, 9, 3), (6, 8, 2), (1, 8, 5), (9, 4, 4), (8, 9, 9), (8, 7, 3), (4, 3, 9), (7, 1, 2),
)  # fmt: skip
"""Of the examples: asked of nobody."""


def question(numbers: tuple[int, ...]) -> str:
    return f"What is {' + '.join(map(str, numbers))}?"


def worked(numbers: tuple[int, ...]) -> str:
    """The answer as the examples have it."""
    total, steps = numbers[0], []
    for number in numbers[1:]:
        steps.append(f"{total} + {number} = {total + number}.")
        total += number
    return " ".join([*steps, f"The answer is {total}."])


def examples(count: int = len(WORKED)) -> list[dict[str, str]]:
    """Turns of a conversation."""
    turns = []
    for numbers in WORKED[:count]:
        turns.append({"role": "user", "content": question(numbers)})
        turns.append({"role": "assistant", "content": worked(numbers)})
    return turns


def questions(count: int, seed: int) -> list[dict[str, Any]]:
    """``count`` different ones of the ``COUNT`` that there are, in a seeded order."""
    every = [n for n in product(range(1, 10), repeat=TERMS) if n not in WORKED]
    chosen = random.Random(seed).sample(every, count)
    return [{"question": question(n), "answer": str(sum(n))} for n in chosen]


def differences(count: int, seed: int) -> list[dict[str, Any]]:
    """``count`` different questions with a minus in them, such as ``9 - 3 + 4``; nothing falls below 0."""
    every = []
    for (a, b, c), signs in product(product(range(1, 10), repeat=TERMS), ("+-", "-+", "--")):
        first = a + b if signs[0] == "+" else a - b
        total = first + c if signs[1] == "+" else first - c
        if min(first, total) >= 0:
            every.append(
                {"question": f"What is {a} {signs[0]} {b} {signs[1]} {c}?", "answer": str(total)}
            )
    return random.Random(seed).sample(every, count)


def write_questions(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def teach(model: Path, count: int = len(WORKED)) -> None:
    """Make the model's chat template begin every conversation with the first ``count`` worked examples.

    So the sampler, the evaluation and the server ask alike. Not where a system message comes first.
    """
    path = model / "chat_template.jinja"
    template = path.read_text()
    before = (
        "{% if messages[0]['role'] != 'system' %}"
        f"{{% set messages = {json.dumps(examples(count))} + messages %}}"
        "{% endif %}"
    )
    if not template.startswith(before):
        path.write_text(before + template)
