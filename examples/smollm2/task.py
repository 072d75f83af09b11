"""A task that SmolLM2-135M-Instruct gets right about half of the time: sums of a few one-digit numbers.

Asked alone it chats about them and is right about 1 time in 20. Four worked examples before the question,
as earlier turns of the conversation, make it add one number after the other.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

TERMS = (3, 4)
WORKED = ((5, 1, 8), (7, 9, 4, 2), (3, 3, 6), (2, 8, 1, 9))
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


def examples() -> list[dict[str, str]]:
    """Turns of a conversation."""
    turns = []
    for numbers in WORKED:
        turns.append({"role": "user", "content": question(numbers)})
        turns.append({"role": "assistant", "content": worked(numbers)})
    return turns


def questions(count: int, seed: int) -> list[dict[str, Any]]:
    """``count`` different ones in a seeded order; a longer list begins with the shorter one."""
    rng, found = random.Random(seed), {}
    while len(found) < count:
        terms = TERMS[len(found) % len(TERMS)]
        numbers = tuple(rng.randint(1, 9) for _ in range(terms))
        if numbers not in WORKED:
            found[numbers] = {"question": question(numbers), "answer": str(sum(numbers))}
    return list(found.values())


def write_questions(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def teach(model: Path) -> None:
    """Make the model's chat template begin every conversation with the worked examples.

    So the sampler, the evaluation and the server ask alike. Not where a system message comes first.
    """
    path = model / "chat_template.jinja"
    template = path.read_text()
    before = (
        "{% if messages[0]['role'] != 'system' %}"
        f"{{% set messages = {json.dumps(examples())} + messages %}}"
        "{% endif %}"
    )
    if not template.startswith(before):
        path.write_text(before + template)
