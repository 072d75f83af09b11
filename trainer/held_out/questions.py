"""The questions of evaluations: one or more sets, each with a name, the same at every evaluation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from trainer.errors import ConfigError
from trainer.prompts.arithmetic import held_out_questions
from trainer.prompts.gym import GYM
from trainer.prompts.listed import Listed
from trainer.prompts.prompt import Prompt
from trainer.prompts.room import Room, with_room
from trainer.prompts.rows import HUB, is_rows
from trainer.prompts.sources import open_source
from trainer.sections import DataSection, EvalSection

SEED = 77_000
"""Seed of the held-out questions, the same in every run."""
HELD_OUT = "held_out"


@dataclass(frozen=True, slots=True)
class QuestionSet:
    name: str
    """In the figures."""
    source: str
    """As ``data.source`` would have it: rewards may depend on it."""
    prompts: tuple[Prompt, ...]


def question_sets(options: EvalSection, data: DataSection, room: Room) -> list[QuestionSet]:
    """One for each of ``eval.sources``. Raises ``ConfigError`` for a bad one, and where ``eval.keep_best``
    names none of them."""
    _check_metric(options)
    found = []
    for name, source in zip(names_of(options.sources), options.sources, strict=True):
        if source == HELD_OUT:
            prompts = _generated(options.questions, data, room)
            found.append(QuestionSet(name, data.source, tuple(prompts)))
        else:
            found.append(QuestionSet(name, source, tuple(_rows(source, options, data, room))))
    return found


def _check_metric(options: EvalSection) -> None:
    name, given, _ = options.keep_best.rpartition("/")
    names = names_of(options.sources) if len(options.sources) > 1 else []
    if given and name not in names:
        raise ConfigError(
            f"eval.keep_best: no source is called {name!r} in the figures; "
            + (
                f"there are {', '.join(names)}." if names else "with one source leave the name out."
            ),
            param="eval.keep_best",
        )


def names_of(sources: Sequence[str]) -> list[str]:
    """The last part of each source's name; with the one before it where two are called the same.

    Raises ``ConfigError`` where that does not tell them apart.
    """
    parts = [PurePath(source.removeprefix(HUB)) for source in sources]
    short = [path.stem for path in parts]
    clash = {name for name, count in Counter(short).items() if count > 1}
    names = [
        f"{path.parent.name}-{name}" if name in clash else name
        for path, name in zip(parts, short, strict=True)
    ]
    names = [re.sub(r"[^\w.-]+", "-", name).strip("-") or "data" for name in names]
    for name, count in Counter(names).items():
        if count > 1:
            raise ConfigError(
                f"eval.sources: two are called {name} in the figures: rename a file or its folder.",
                param="eval.sources",
            )
    return names


def _rows(source: str, options: EvalSection, data: DataSection, room: Room) -> list[Prompt]:
    """``eval.questions`` rows, or all where there are fewer."""
    if not is_rows(source):
        raise ConfigError(
            f"eval.sources: {source!r} is neither {HELD_OUT!r} nor a file or a dataset.",
            param="eval.sources",
        )
    rows = Listed(data.model_copy(update={"source": source, "split": options.split}), SEED)
    fitting = with_room(rows, room)
    return [fitting.prompt(number) for number in range(min(options.questions, len(rows)))]


def _generated(count: int, data: DataSection, room: Room) -> list[Prompt]:
    if data.source == GYM:
        source = with_room(open_source(data, SEED), room)
        return [source.prompt(number) for number in range(count)]
    if data.source != "arithmetic":
        raise ConfigError(
            "eval.sources: only generated questions can be held out; name a file or a dataset.",
            param="eval.sources",
        )
    levels = data.levels
    share = -(-count // len(levels))
    pairs = [(level, *pair) for level in levels for pair in held_out_questions(SEED, share, level)]
    return [Prompt(text, f"level {level}", text, gold) for level, text, gold in pairs[:count]]
