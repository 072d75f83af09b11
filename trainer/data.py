"""Prompts by number: prompt n is a function of the configuration and n, so a cursor is one integer."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from arrol_serve.errors import InvalidRequest
from trainer.bundled.arithmetic import is_held_out, sample_problem
from trainer.config import DataSection
from trainer.seeds import seed_for


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked. ``key`` names the question across epochs, ``kind`` what it is alike to."""

    key: str
    kind: str
    question: str
    gold: str


class PromptSource(Protocol):
    def prompt(self, number: int) -> Prompt:
        """The prompt at a place of the endless deterministic order."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Generated questions, the held-out ones left out."""

    levels: tuple[int, ...]
    seed: int

    def prompt(self, number: int) -> Prompt:
        rng = random.Random(seed_for(self.seed, "arithmetic", number))
        level = self.levels[number % len(self.levels)]
        problem = sample_problem(rng, level)
        while is_held_out(problem):
            problem = sample_problem(rng, level)
        question = f"What is {problem.expression}?"
        return Prompt(question, f"level {level}", question, str(problem.answer))


class JsonLines:
    """A file of questions, each epoch in its own seeded order."""

    def __init__(self, path: Path, config: DataSection, seed: int) -> None:
        self._seed = seed
        self.broken: list[str] = []
        """What was wrong with the rows that were skipped, by line."""
        self._prompts = self._read(path, config)
        self._epoch, self._order = -1, list(range(len(self._prompts)))

    def prompt(self, number: int) -> Prompt:
        epoch, place = divmod(number, len(self._prompts))
        if epoch != self._epoch:
            self._order = list(range(len(self._prompts)))
            random.Random(seed_for(self._seed, "epoch", epoch)).shuffle(self._order)
            self._epoch = epoch
        return self._prompts[self._order[place]]

    def _read(self, path: Path, config: DataSection) -> list[Prompt]:
        prompts = []
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise InvalidRequest(
                f"data.source: {path} cannot be read ({error.strerror})."
            ) from error
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                prompts.append(_prompt(json.loads(line), number, path.stem, config))
            except ValueError as error:
                self.broken.append(f"{path.name} line {number}: {error}")
        if self.broken and config.broken_rows == "refuse":
            raise InvalidRequest(
                f"{len(self.broken)} broken rows, the first one: {self.broken[0]}. Repair them, or "
                'set data.broken_rows = "skip".'
            )
        if not prompts:
            raise InvalidRequest(f"data.source: {path} holds no usable row.")
        return prompts


def _prompt(row: Any, number: int, kind: str, config: DataSection) -> Prompt:
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    texts = []
    for field in (config.question, config.answer):
        value = row.get(field)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"no text in the field {field!r}")
        texts.append(value)
    return Prompt(str(number), kind, *texts)


def open_source(config: DataSection, seed: int) -> PromptSource:
    """The source that ``data.source`` names. Raises ``InvalidRequest``."""
    if config.source == "arithmetic":
        if not config.levels or any(not 1 <= level <= 7 for level in config.levels):
            raise InvalidRequest("data.levels must be one or more numbers from 1 to 7.")
        return Arithmetic(config.levels, seed)
    return JsonLines(Path(config.source), config, seed)
