"""What a recipe's ``reward.function`` may name, and how it runs in a worker process.

A reward function takes keywords and returns how good the reply is, from 0 to 1 (a ``bool`` will do)::

    def brevity(*, question: str, reply: str, gold: str) -> float: ...

Recipes name it ``"my_package.rewards:brevity"``; the folder that ``arrol-train`` runs in can be
imported from. A package registers a name of its own by an entry point of the group
``arrol_train.rewards``. It runs in a process that is killed after ``reward.timeout_s``: it may hang,
raise, or exit, and must not keep state.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from arrol_serve.answers.equivalence import normalise
from arrol_serve.answers.extract import extract
from arrol_serve.answers.pool import settled_part, verdict
from arrol_serve.answers.spec import AnswerSpec

GROUP = "arrol_train.rewards"
SHOWN = 160
"""Characters of what went wrong that are shown."""
RewardFunction = Callable[..., float | bool]


def math_verify(*, reply: str, gold: str, **_: str) -> bool:
    """Whether the reply's answer is mathematically the gold. Raises ``ValueError`` for a bad gold."""
    return verdict(settled_part(reply), gold, AnswerSpec())


def exact(*, reply: str, gold: str, **_: str) -> bool:
    """Whether the reply's answer is spelt as the gold, spaces and case apart."""
    said = settled_part(reply)
    answer = None if said is None else extract(said, AnswerSpec())
    return answer is not None and normalise(answer) == normalise(gold)


REGISTRY: dict[str, RewardFunction] = {"math": math_verify, "exact": exact}


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


def call(name: str, question: str, reply: str, gold: str) -> tuple[str, Any]:
    """In a worker: ``("value", number)``, or what went wrong: ``("raised" | "nonsense", text)``."""
    try:
        value: object = resolve(name)(question=question, reply=reply, gold=gold)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # told to the trainer, which counts it
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
