"""``arrol`` objects as the plans that the server makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from arrol_serve.config import ServerConfig
from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan import SearchPlan, Selectors, resolve

Body = dict[str, Any]
"""An ``arrol`` object."""


def plan_of(body: Body, server: Mapping[str, Any]) -> SearchPlan:
    """``server``: fields of the ``ServerConfig`` in force. Raises ``InvalidRequest``."""
    plan = resolve(Selectors(body=body), ServerConfig(**server))
    assert plan is not None  # noqa: S101  # every body asks for a search
    return plan


def accepted(bodies: Iterable[Body], server: Mapping[str, Any]) -> list[Body]:
    """Those that the server would run: it refuses what cannot take effect."""
    found = []
    for body in bodies:
        try:
            plan_of(body, server)
        except InvalidRequest:
            continue
        found.append(body)
    return found
