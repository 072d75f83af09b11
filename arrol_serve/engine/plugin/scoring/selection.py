"""The scored requests of one step. Shapes: S of them, W tokens a request at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arrol_serve.engine.plugin.heads import NamedHead
from arrol_serve.engine.plugin.scoring.fold import Ints, Places
from arrol_serve.engine.plugin.wire import MemberPlan


@dataclass(frozen=True, slots=True)
class Selection:
    """Which requests are scored, and what each wants."""

    req_ids: list[str]
    places: Places
    width: int
    """W"""
    heads: list[tuple[NamedHead, Ints | None]]
    """Each head with the places, among the requests, that it scores; None: all. Several only after a swap, or
    with adapters."""
    versions: list[str | None]
    """Version of each request's head."""
    wants_statistics: bool
    """A head in use reads them, or they are recorded."""
    wants_confidence: bool
    records: Ints
    """Places of the requests that are recorded."""


def selected(
    req_ids: list[str],
    places: Places,
    width: int,
    plans: Sequence[MemberPlan],
    named: Sequence[NamedHead],
) -> Selection:
    """``plans``, ``named``: each request's plan and head."""
    records = [i for i, plan in enumerate(plans) if plan["record"] is not None]
    by_statistics = any(n.head is not None and "statistics" in n.head.inputs for n in named)
    return Selection(
        req_ids=req_ids,
        places=places,
        width=width,
        heads=_by_head(named),
        versions=[n.version for n in named],
        wants_statistics=by_statistics or bool(records),
        wants_confidence=any("confidence" in plan["signals"] for plan in plans),
        records=np.array(records, np.int64),
    )


def _by_head(named: Sequence[NamedHead]) -> list[tuple[NamedHead, Ints | None]]:
    different = list(dict.fromkeys(named))
    if len(different) == 1:
        return [(different[0], None)]
    return [
        (one, np.array([i for i, mine in enumerate(named) if mine is one], np.int64))
        for one in different
    ]
