"""What a recipe's ``reward.function`` may name, and how it runs in a worker process.

A reward function returns how good a reply is, from 0 to 1 (a ``bool`` will do), and takes as keywords
what it wants of ``question``, ``reply``, ``gold``, and ``key``, which names the prompt::

    def brevity(*, reply: str, gold: str) -> float: ...

Recipes name it ``"my_package.rewards:brevity"``; the folder that ``arrol-train`` runs in can be
imported from. A package registers a name of its own by an entry point of the group
``arrol_train.rewards``. It runs in a process that is killed after ``reward.timeout_s``: it may hang,
raise, or exit, and must not keep state.
"""

from __future__ import annotations

import importlib
import inspect
import math
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
KEYWORDS = ("question", "reply", "gold", "key")
SHOWN = 160
"""Characters of what went wrong that are shown."""
RewardFunction = Callable[..., float | bool]


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
        raise LookupError(f"{target} cannot be imported: {_said(error)}") from error
    if not callable(function):
        raise LookupError(f"{target} is not a function")
    return function


def _registered(name: str) -> str:
    found = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join([*REGISTRY, *found])
        raise LookupError(f"there is no reward {name!r}; known are {known}, and module:function")
    return found[name]


def check(name: str) -> str | None:
    """In a worker: what is wrong with the name; None: nothing."""
    try:
        resolve(name)
    except LookupError as error:
        return str(error)
    return None


@cache
def _wanted(function: RewardFunction) -> frozenset[str]:
    """Which keywords it takes."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return frozenset(KEYWORDS)
    return frozenset(parameter.name for parameter in parameters)


def call(name: str, *values: str) -> tuple[str, Any]:
    """In a worker: ``("value", number)``, or what went wrong: ``("raised" | "nonsense", text)``.

    ``values`` are those of ``KEYWORDS``.
    """
    try:
        function = resolve(name)
        given = dict(zip(KEYWORDS, values, strict=True))
        value: object = function(**{k: v for k, v in given.items() if k in _wanted(function)})
    except (Exception, SystemExit) as error:  # noqa: BLE001  # reported to the trainer, which counts it
        return "raised", _said(error)
    try:
        number = float(value)  # type: ignore[arg-type]  # anything may be returned
    except Exception:  # noqa: BLE001  # by a user's object
        number = math.nan
    if isinstance(value, str | bytes) or not 0 <= number <= 1:
        return "nonsense", f"returned {value!r}"[:SHOWN]
    return "value", number


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:SHOWN]
