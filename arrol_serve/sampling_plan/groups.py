"""A search's plan as the engine's rollout groups have it."""

from __future__ import annotations

from arrol_serve.engine.plugin.wire import GroupPlan
from arrol_serve.sampling_plan.plan import SearchPlan


def group_plan(plan: SearchPlan) -> GroupPlan:
    """What all groups of the search share; names and sizes are filled in at each launch."""
    prune = plan.prune
    prune_by = "quality" if plan.scorer == "head" else "confidence"
    wanted = set() if plan.scorer == "none" else {prune_by}
    if plan.vote == "confidence":
        wanted.add("confidence")
    return GroupPlan(
        search="",
        size=plan.waves.first,
        candidates=plan.samples,
        probes=prune.probes if prune else (),
        policy=prune.policy if prune else {"name": "never"},
        min_survivors=prune.min_survivors if prune else 1,
        max_total_tokens=plan.max_total_tokens,
        signals=tuple(sorted(wanted)),
        prune_by=prune_by,
    )
