"""Generated tasks of reasoning-gym by name, with their own scoring."""

from __future__ import annotations

import difflib
import json
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from trainer.errors import ConfigError
from trainer.prompts.prompt import Prompt

GYM = "gym"
ENDLESS = 2**31 - 1


class Gym:
    """Prompts of each of ``tasks`` in turn: ``name``, or ``name?option=value&option=value``.

    Raises ``ConfigError`` for a task or an option that reasoning-gym does not know.
    """

    def __init__(self, tasks: tuple[str, ...], seed: int) -> None:
        if not tasks:
            raise ConfigError(
                'data.source "gym" needs data.tasks, such as ["chain_sum", "gcd?max_numbers=3"].',
                param="data.tasks",
            )
        self._tasks, self._seed = tasks, seed
        for task in tasks:
            _checked(task, seed)

    def prompt(self, number: int) -> Prompt:
        task, place = self._tasks[number % len(self._tasks)], number // len(self._tasks)
        entry = dataset(task, self._seed)[place % ENDLESS]
        key = json.dumps([task, self._seed, place % ENDLESS])
        return Prompt(key, task.partition("?")[0], entry["question"], str(entry["answer"]))


@cache
def dataset(task: str, seed: int) -> Any:
    """The endless data set of a task; entry n depends on the seed and n alone."""
    import reasoning_gym

    name, _, options = task.partition("?")
    chosen = {key: _value(text) for key, text in parse_qsl(options, keep_blank_values=True)}
    return reasoning_gym.create_dataset(name, **{**chosen, "size": ENDLESS, "seed": seed})


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _checked(task: str, seed: int) -> None:
    name = task.partition("?")[0]
    try:
        from reasoning_gym.factory import DATASETS
    except ModuleNotFoundError as error:
        raise ConfigError(
            'data.source "gym" needs a package that is not installed: pip install '
            "'arrol-serve[gym]'.",
            param="data.source",
        ) from error
    if name not in DATASETS:
        close = difflib.get_close_matches(name, DATASETS, 1, cutoff=0.0)
        raise ConfigError(
            f"data.tasks: reasoning-gym has no task {name!r}. Did you mean {close[0]!r}?",
            param="data.tasks",
        )
    try:
        dataset(task, seed)[0]
    except Exception as error:  # a task's own checks of its options
        raise ConfigError(
            f"data.tasks: {task} is refused by reasoning-gym: {str(error) or type(error).__name__}.",
            param="data.tasks",
        ) from error


def score(answer: str, key: str) -> float:
    """reasoning-gym's own score, from 0 to 1, of an answer to the prompt with this key."""
    task, seed, place = json.loads(key)
    data = dataset(task, seed)
    return float(data.score_answer(answer, data[place]))
