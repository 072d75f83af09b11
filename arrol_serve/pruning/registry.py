"""Every survival policy by name, and how a policy is built from a request's words."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from arrol_serve.errors import InvalidRequest
from arrol_serve.pruning.arrol import Arrol
from arrol_serve.pruning.arrol_signed import ArrolSigned
from arrol_serve.pruning.both_ends import BothEnds
from arrol_serve.pruning.confidence_floor import ConfidenceFloor
from arrol_serve.pruning.never import Never
from arrol_serve.pruning.random_drop import RandomDrop
from arrol_serve.pruning.successive_halving import SuccessiveHalving
from arrol_serve.pruning.survival import SurvivalPolicy
from arrol_serve.pruning.threshold import Threshold
from arrol_serve.pruning.top_fraction import TopFraction

POLICIES: dict[str, type[Any]] = {
    policy.name: policy
    for policy in (
        TopFraction,
        SuccessiveHalving,
        Threshold,
        ConfidenceFloor,
        RandomDrop,
        Never,
        Arrol,
        ArrolSigned,
        BothEnds,
    )
}


def policy_from_spec(spec: Mapping[str, object]) -> SurvivalPolicy:
    """Build a policy from ``{"name": ..., <parameter>: ...}``.

    Raises ``InvalidRequest`` naming ``arrol.prune.<key>`` for an unknown policy or parameter, a
    missing one, or a value out of range.
    """
    name = spec.get("name")
    policy = POLICIES.get(name) if isinstance(name, str) else None
    if policy is None:
        raise InvalidRequest(
            f"Unknown survival policy {name!r}.{_nearest(name, POLICIES)} "
            f"Known: {', '.join(POLICIES)}.",
            param="arrol.prune.policy",
        )
    parameters = {f.name: f for f in fields(policy)}
    given = {key: value for key, value in spec.items() if key != "name"}
    for key in given:
        if key not in parameters:
            takes = ", ".join(parameters) or "no parameters"
            raise InvalidRequest(
                f"Survival policy {name} does not take {key!r}.{_nearest(key, parameters)} "
                f"It takes {takes}.",
                param=f"arrol.prune.{key}",
            )
    for key, parameter in parameters.items():
        if key not in given and parameter.default is MISSING:
            raise InvalidRequest(
                f"Survival policy {name} needs {key!r}.", param=f"arrol.prune.{key}"
            )
    built: SurvivalPolicy = policy(**given)
    return built


def _nearest(name: object, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, 1) if isinstance(name, str) else []
    return f" Did you mean {close[0]!r}?" if close else ""
