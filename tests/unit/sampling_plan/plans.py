"""The servers that requests are sent to, and the plan of one."""

from __future__ import annotations

from typing import Any

from arrol_serve.config import ServerConfig
from arrol_serve.sampling_plan import SearchPlan, Selectors, resolve

PLAIN = ServerConfig()
HEADED = ServerConfig(head="heads/x", head_id="x-v1", probes=(24, 48))


def search(config: ServerConfig = HEADED, **selectors: Any) -> SearchPlan:
    plan = resolve(Selectors(**selectors), config)
    assert plan is not None
    return plan
