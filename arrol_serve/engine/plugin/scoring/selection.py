"""The scored requests of one step. Shapes: S of them, W tokens a request at most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from arrol_serve.engine.plugin.heads import NamedHead
from arrol_serve.engine.plugin.scoring.fold import Ints, Places
from arrol_serve.engine.plugin.wire import MemberPlan


class Held:
    """A scored request: its slot in the tables, its plan and its head."""

    __slots__ = ("by_confidence", "done", "last", "named", "plan", "recorded", "slot")

    def __init__(self, slot: int, plan: MemberPlan, named: NamedHead) -> None:
        self.slot, self.plan, self.named = slot, plan, named
        self.last: float = math.inf
        """Tokens after which nothing more is asked of it."""
        if not plan["to_end"]:
            self.last = max([*plan["probes"], *(plan["record"] or ())], default=0)
        self.done = self.last == 0
        self.recorded = plan["record"] is not None
        self.by_confidence = "confidence" in plan["signals"]


@dataclass(slots=True)
class Wishes:
    """How many of the requests in the tables ask for what costs something."""

    recorded: int = 0
    by_confidence: int = 0
    limited: int = 0
    """Of these nothing is asked past a certain token."""

    def count(self, held: Held, change: int) -> None:
        """``change``: one more, or one less."""
        self.recorded += change * held.recorded
        self.by_confidence += change * held.by_confidence
        self.limited += change * (held.last < math.inf)


@dataclass(frozen=True)
class Selection:
    """Which requests are scored, and what they want. Made in every step that somebody joined or left."""

    req_ids: list[str]
    places: Places
    width: int
    """W"""
    held: Sequence[Held]
    """What is known of each."""
    wants_confidence: bool
    wants_records: bool
    limited: bool
    """Of some of them nothing may be asked past a certain token."""

    @cached_property
    def heads(self) -> list[tuple[NamedHead, Ints | None]]:
        """Each head with the places, among the requests, that it scores; None: all.

        Several only after a swap, or with adapters.
        """
        named = [one.named for one in self.held]
        heads = list(dict.fromkeys(named))
        if len(heads) == 1:
            return [(heads[0], None)]
        return [
            (one, np.array([i for i, mine in enumerate(named) if mine is one], np.int64))
            for one in heads
        ]

    @cached_property
    def versions(self) -> list[str | None]:
        """Version of each request's head."""
        return [one.named.version for one in self.held]

    @cached_property
    def records(self) -> Ints:
        """Places of the requests that are recorded."""
        held = self.held if self.wants_records else ()
        return np.array([i for i, one in enumerate(held) if one.recorded], np.int64)

    @cached_property
    def silent(self) -> Ints:
        """Places of the requests that did not ask for confidence, where others did."""
        held = self.held if self.wants_confidence else ()
        return np.array([i for i, one in enumerate(held) if not one.by_confidence], np.int64)

    @cached_property
    def wants_statistics(self) -> bool:
        """A head in use reads them, or they are recorded."""
        heads = [named.head for named, _ in self.heads]
        return self.wants_records or any(one and "statistics" in one.inputs for one in heads)
