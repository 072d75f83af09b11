"""Recipes as they are written: TOML, overrides on the command line, and misspelt keys."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from trainer.errors import ConfigError
from trainer.other_names import ours_for

BIASED = ("top_p", "top_k", "min_p")
"""Sampling cuts: the engine would sample from another distribution than the one that is trained."""


def read_recipe(recipe: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(recipe.read_text())
    except OSError as error:
        raise ConfigError(f"The recipe {recipe} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise ConfigError(f"The recipe {recipe} is not valid TOML: {error}.") from error


def apply_override(body: dict[str, Any], override: str) -> None:
    key, given, value = override.partition("=")
    *tables, last = key.split(".")
    if not given or not last:
        raise ConfigError(f"--{override}: write --section.key=value.")
    for table in tables:
        body = body.setdefault(table, {})
        if not isinstance(body, dict):
            raise ConfigError(f"--{override}: {table} is not a table.", param=key)
    body[last] = _value(value)


def _value(text: str) -> Any:
    """``text`` as TOML reads it; what it cannot read is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def check_keys(body: Any, section: type[BaseModel], path: str = "") -> None:
    if not isinstance(body, dict):
        raise ConfigError(f"{path.rstrip('.')} must be a table.", param=path)
    for key, value in body.items():
        if key in BIASED:
            raise ConfigError(
                f"{path}{key} is refused: a cut distribution is not the one that is trained, which "
                "biases every ratio. Use rollout.temperature alone.",
                param=path + key,
            )
        field = section.model_fields.get(key)
        if field is None:
            close = difflib.get_close_matches(key, section.model_fields, 1, cutoff=0.0)
            meant = ours_for(key) or f"{path}{close[0]}"
            raise ConfigError(f"Unknown key {path}{key}: did you mean {meant}?", param=path + key)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            check_keys(value, field.annotation, f"{path}{key}.")
