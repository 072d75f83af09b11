"""What ``arrol-train policy --help`` says of the settings: each with its default, and what it is."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator
from inspect import isclass
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from trainer.sections.section import Section

WIDTH = 100
"""Columns at most, as far as the terminal has them."""
INDENT = " " * 6
HEAD = "settings, in a recipe's [section] or as --section.key=value:"


def listed(model: type[Section]) -> str:
    """Every setting below ``model``, by section."""
    width = min(WIDTH, shutil.get_terminal_size().columns - 2)
    return "\n".join([HEAD, *_sections(model, width)])


def _sections(model: type[Section], width: int) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        yield ""
        if not (isclass(kind) and issubclass(kind, Section)):
            yield from _setting(name, field, width)
            continue
        yield f"[{name}]"
        for key, inner in kind.model_fields.items():
            yield from _setting(f"{name}.{key}", inner, width)


def _setting(name: str, field: FieldInfo, width: int) -> Iterator[str]:
    yield f"  --{name} {_choices(field.annotation)}(default: {_shown(field)})"
    said = " ".join((field.description or "").replace("``", "").split())
    if said:
        yield from textwrap.wrap(said, width, initial_indent=INDENT, subsequent_indent=INDENT)


def _choices(kind: Any) -> str:
    words = get_args(kind) if get_origin(kind) is Literal else ()
    return f"{{{','.join(map(str, words))}}} " if words else ""


def _shown(field: FieldInfo) -> str:
    """As a recipe would have it; TOML has no null."""
    default = field.get_default(call_default_factory=True, validated_data={})
    return "none" if default is None else json.dumps(default, ensure_ascii=False, default=str)
