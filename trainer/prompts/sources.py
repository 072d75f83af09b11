"""Prompts by number: prompt n is a function of the configuration and n, so a cursor is one integer."""

from __future__ import annotations

import random
from dataclasses import dataclass

from trainer.errors import ConfigError
from trainer.prompts.arithmetic import is_held_out, sample_problem
from trainer.prompts.gym import GYM, Gym
from trainer.prompts.listed import Listed
from trainer.prompts.prompt import Prompt, PromptSource
from trainer.sections import DataSection
from trainer.seeds import seed_for


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


def open_source(config: DataSection, seed: int) -> PromptSource:
    """The source that ``data.source`` names. Raises ``ConfigError``."""
    if config.source == "arithmetic":
        if not config.levels or any(not 1 <= level <= 7 for level in config.levels):
            raise ConfigError("data.levels must be one or more numbers from 1 to 7.")
        return Arithmetic(config.levels, seed)
    if config.source == GYM:
        return Gym(config.tasks, seed_for(seed, GYM) % 2**31)
    return Listed(config, seed)
