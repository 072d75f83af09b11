"""What a recipe's ``reward.function`` and ``reward.functions`` may name.

A function grades one reply, from 0 to 1 (a ``bool`` will do), and takes as keywords what it wants of
``question``, ``reply``, ``gold``, ``key``, which names the prompt, and the columns of the row::

    def brevity(*, reply: str, difficulty: int) -> float: ...

or many at once, in the form of TRL's reward functions, which it is known by (``prompts`` or
``completions`` among its parameters), and returns a number for each, None where it does not apply::

    def brevity(prompts, completions, difficulty, **columns) -> list[float | None]: ...

Recipes name it ``"my_package.rewards:brevity"``; the folder that ``arrol-train`` runs in can be
imported from. A package registers a name of its own by an entry point of the group
``arrol_train.rewards``. It runs in a process that is killed after ``reward.timeout_s``: it may hang,
raise, or exit, and must not keep state. It may be a coroutine function.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from arrol_serve.answers.equivalence import normalise
from arrol_serve.answers.extract import extract
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.answers.workshop.jobs import settled_part, verdict
from trainer.prompts.gym import score

GROUP = "arrol_train.rewards"
SHOWN = 160
"""Characters of what went wrong that are shown."""
RewardFunction = Callable[..., Any]


def math_verify(*, reply: str, gold: str) -> bool:
    """Whether the reply's answer is mathematically the gold. Raises ``ValueError`` for a bad gold."""
    return verdict(settled_part(reply), gold, AnswerSpec())


def exact(*, reply: str, gold: str) -> bool:
    """Whether the reply's answer is spelt as the gold, spaces and case apart."""
    said = settled_part(reply)
    answer = None if said is None else extract(said, AnswerSpec())
    return answer is not None and normalise(answer) == normalise(gold)


def gym(*, reply: str, key: str) -> float:
    """reasoning-gym's own score of the reply's answer, or of all of it where none is marked."""
    said = settled_part(reply)
    if said is None:
        return 0.0
    return score(extract(said, AnswerSpec()) or said.strip(), key)


REGISTRY: dict[str, RewardFunction] = {"math": math_verify, "exact": exact, "gym": gym}


@cache
def resolve(name: str) -> RewardFunction:
    """The function. Raises ``LookupError`` saying what is wrong with ``name``."""
    if name in REGISTRY:
        return REGISTRY[name]
    target = name if ":" in name else _registered(name)
    module, _, attribute = target.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        function = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise LookupError(f"{target} cannot be imported: {said(error)}") from error
    if not callable(function):
        raise LookupError(f"{target} is not a function")
    return function


def _registered(name: str) -> str:
    found = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join([*REGISTRY, *found])
        raise LookupError(f"there is no reward {name!r}; known are {known}, and module:function")
    return found[name]


def said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:SHOWN]
