"""From what a request says to a ``SearchPlan``, or an ``InvalidRequest`` that names the field."""

from arrol_serve.sampling_plan.options import ArrolOptions
from arrol_serve.sampling_plan.plan import SearchPlan, check_defaults, check_sampling, resolve
from arrol_serve.sampling_plan.prune import PrunePlan
from arrol_serve.sampling_plan.selectors import HEADER, XARG, Selectors, named

__all__ = [
    "HEADER",
    "XARG",
    "ArrolOptions",
    "PrunePlan",
    "SearchPlan",
    "Selectors",
    "check_defaults",
    "check_sampling",
    "named",
    "resolve",
]
