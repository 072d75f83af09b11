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
    """Which requests are scored, and what they want."""

    req_ids: list[str]
    places: Places
    width: int
    """W"""
    heads: list[tuple[NamedHead, Ints | None]]
    """Each head with the places, among the requests, that it scores; None: all. Several only after a swap, or
    with adapters."""
    wants_statistics: bool
    """A head in use reads them, or they are recorded."""
    wants_confidence: bool
    records: Ints
    """Places of the requests that are recorded."""
    held: Sequence[Held]
    limited: bool
    """Of some of them nothing may be asked past a certain token."""

    @cached_property
    def versions(self) -> list[str | None]:
        """Version of each request's head."""
        return [one.named.version for one in self.held]


def selected(
    req_ids: list[str], places: Places, width: int, held: Sequence[Held], wishes: Wishes
) -> Selection:
    """``held``: what is known of each request. Made again in every step that somebody joined or left."""
    named = [one.named for one in held]
    heads = list(dict.fromkeys(named))
    records = [i for i, one in enumerate(held) if one.recorded] if wishes.recorded else []
    by_statistics = any(n.head is not None and "statistics" in n.head.inputs for n in heads)
    return Selection(
        req_ids=req_ids,
        places=places,
        width=width,
        heads=_by_head(named, heads),
        wants_statistics=by_statistics or bool(records),
        wants_confidence=wishes.by_confidence > 0,
        records=np.array(records, np.int64),
        held=held,
        limited=wishes.limited > 0,
    )


def _by_head(
    named: Sequence[NamedHead], heads: Sequence[NamedHead]
) -> list[tuple[NamedHead, Ints | None]]:
    if len(heads) == 1:
        return [(heads[0], None)]
    return [
        (one, np.array([i for i, mine in enumerate(named) if mine is one], np.int64))
        for one in heads
    ]
