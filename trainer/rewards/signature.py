"""What a reward function takes, found in the worker process, where alone it is imported."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from trainer.rewards.functions import resolve, said

LISTS = ("prompts", "completions")
"""A function that names either takes lists."""


@dataclass(frozen=True, slots=True)
class Signature:
    """``wanted``: names of its parameters; None: whatever there is. ``needed``: without a default."""

    lists: bool
    wanted: frozenset[str] | None
    needed: frozenset[str]

    def chosen(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """What it is called with, None for what a row does not have."""
        if self.wanted is None:
            return dict.fromkeys(self.needed) | dict(columns)
        return {n: columns.get(n) for n in self.wanted if n in columns or n in self.needed}

    def missing(self, columns: Collection[str]) -> list[str]:
        return sorted(self.needed - set(columns))


def read_signature(name: str) -> Signature | str:
    """In a worker. A text: what is wrong with the function."""
    try:
        parameters = inspect.signature(resolve(name)).parameters
    except LookupError as error:
        return str(error)
    except (TypeError, ValueError) as error:  # of functions written in C
        return f"{name}: what it takes cannot be seen ({said(error)})"
    if any(p.kind is p.POSITIONAL_ONLY and p.default is p.empty for p in parameters.values()):
        return f"{name} takes its arguments by place, and reward functions are called by name"
    named = {
        key: parameter
        for key, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    takes_all = len(named) < len(parameters) and any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()
    )
    return Signature(
        lists=any(key in named for key in LISTS),
        wanted=None if takes_all else frozenset(named),
        needed=frozenset(key for key, p in named.items() if p.default is p.empty),
    )
