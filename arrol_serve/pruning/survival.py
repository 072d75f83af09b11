"""What a survival policy is, how its parameters are read, and the guard that all share."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from hashlib import blake2b
from typing import Any, ClassVar, Protocol

from arrol_serve.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class GroupView:
    """What a policy may know of the group besides scores."""

    size: int
    """Rollouts that the group was started with."""
    probe: int
    """Which probe this is, from 0."""
    probes: int
    """How many probes the plan has."""
    alive: int
    """Members still generating, the ones being judged included."""
    finished: int
    """Members that ended by themselves: they were not at risk and count as survivors."""
    pruned: int
    min_survivors: int
    seed: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """``survival`` is the probability with which the rollout was let live, in (0, 1]."""

    survives: bool
    survival: float


class SurvivalPolicy(Protocol):
    """Decides on the rollouts that reached a probe."""

    name: ClassVar[str]
    waits: ClassVar[bool]
    """True: judge once a probe, when the last live member has reached it, seeing all scores.
    False: judge each arrival by itself, at once."""

    def judge(self, scores: Mapping[int, float], view: GroupView) -> dict[int, Verdict]:
        """A verdict for every key of ``scores`` (rollout index -> score, higher is better)."""


@cache
def policies() -> dict[str, type[Any]]:
    """Every policy by name."""
    from arrol_serve.pruning.arrol import Arrol, ArrolSigned
    from arrol_serve.pruning.never import Never
    from arrol_serve.pruning.random_drop import RandomDrop
    from arrol_serve.pruning.successive_halving import SuccessiveHalving
    from arrol_serve.pruning.threshold import Threshold
    from arrol_serve.pruning.top_fraction import TopFraction

    known = (TopFraction, SuccessiveHalving, Threshold, RandomDrop, Never, Arrol, ArrolSigned)
    return {policy.name: policy for policy in known}


def policy_from_spec(spec: Mapping[str, object]) -> SurvivalPolicy:
    """Build a policy from ``{"name": ..., <parameter>: ...}``.

    Raises ``InvalidRequest`` naming ``arrol.prune.<key>`` for an unknown policy or parameter, a
    missing one, or a value out of range.
    """
    name = spec.get("name")
    policy = policies().get(name) if isinstance(name, str) else None
    if policy is None:
        raise InvalidRequest(
            f"Unknown survival policy {name!r}.{_nearest(name, policies())} "
            f"Known: {', '.join(policies())}.",
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


def number(key: str, value: object, low: float, high: float, *, open_low: bool = False) -> float:
    """``value`` as a float within [low, high], or (low, high]; else ``InvalidRequest``."""
    ok = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not ok or not (low <= value <= high) or (open_low and value == low):  # type: ignore[operator]
        bracket = "(" if open_low else "["
        raise InvalidRequest(
            f"arrol.prune.{key} must be a number in {bracket}{low:g}, {high:g}], got {value!r}.",
            param=f"arrol.prune.{key}",
        )
    return float(value)  # type: ignore[arg-type]


def uniform(seed: int, probe: int, index: int) -> float:
    """A number in [0, 1) that depends on nothing but its arguments: decisions can be replayed."""
    digest = blake2b(f"{seed}/{probe}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def keep_best(order: list[int], target: int, view: GroupView) -> dict[int, Verdict]:
    """Let the first ``target`` of ``order`` live, more where ``min_survivors`` asks for it."""
    floor = view.min_survivors - view.finished - (view.alive - len(order))
    kept = set(order[: max(target, floor)])
    share = len(kept) / len(order) if order else 1.0
    return {i: Verdict(i in kept, 1.0 if len(kept) == len(order) else share) for i in order}
