"""Calls of reward functions, as they are made in a worker process."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Mapping
from typing import Any

from trainer.rewards.functions import SHOWN, resolve, said
from trainer.rewards.parts import NOT_APPLICABLE, Part, number


def call_one(name: str, keywords: Mapping[str, Any]) -> Part:
    """The part of a function that grades one reply, from 0 to 1."""
    try:
        value = _called(name, keywords)
        shown = f"returned {value!r}"[:SHOWN]
    except (Exception, SystemExit) as error:  # noqa: BLE001  # reported to the trainer, which counts it
        return Part(None, "raised", f"raised {said(error)}")
    found = number(value)
    return Part(found) if 0 <= found <= 1 else Part(None, "nonsense", shown)


def call_lists(name: str, keywords: Mapping[str, Any], count: int) -> list[Part]:
    """The parts of a function that grades ``count`` replies at once, by any finite numbers."""
    try:
        values = list(_called(name, keywords))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # as above
        return [Part(None, "raised", f"raised {said(error)}")] * count
    return parts_of(values, count)


def parts_of(values: list[Any], count: int) -> list[Part]:
    """The parts that a function or a server answered for ``count`` replies."""
    if len(values) != count:
        return [Part(None, "nonsense", f"gave {len(values)} values for {count} replies")] * count
    return [_part(value) for value in values]


def _part(value: Any) -> Part:
    if value is None:
        return NOT_APPLICABLE
    found = number(value)
    if math.isfinite(found):
        return Part(found)
    try:
        return Part(None, "nonsense", f"returned {value!r} for a reply"[:SHOWN])
    except Exception:  # noqa: BLE001  # a user's object may not even be shown
        return Part(None, "nonsense", "returned what is no number for a reply")


def _called(name: str, keywords: Mapping[str, Any]) -> Any:
    value = resolve(name)(**keywords)
    return asyncio.run(_awaited(value)) if inspect.isawaitable(value) else value


async def _awaited(value: Any) -> Any:
    return await value
