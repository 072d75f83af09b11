"""What a survival policy is, and what all of them share."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar, Protocol

from arrol_serve.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class GroupView:
    """What a policy may know of the group besides scores."""

    size: int
    """Rollouts started so far, those of the search's earlier groups included."""
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
    earlier: Sequence[float] = ()
    """Scores of the siblings that were judged at this probe before, whatever became of them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``survival`` is the probability with which the rollout survives, in (0, 1]."""

    survives: bool
    survival: float


class SurvivalPolicy(Protocol):
    """Decides on the rollouts that reached a probe."""

    name: ClassVar[str]
    waits: ClassVar[bool]
    """True: judge once a probe, when the last live member has reached it, seeing all scores.
    False: judge each arrival by itself, at once."""
    late: ClassVar[bool]
    """Whether one that waits can judge newcomers against siblings that were judged ``earlier``: then it
    waits for those alone that generated when the first one reached the probe, not for who queues."""

    def judge(self, scores: Mapping[int, float], view: GroupView) -> dict[int, Verdict]:
        """A verdict for every key of ``scores`` (rollout index -> score, higher is better)."""


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
    bits = int.from_bytes(digest, "big") >> 11  # as many as a float holds: all 64 might round to 1
    return bits / 2**53


def keep_top(scores: Mapping[int, float], ratio: float, view: GroupView) -> dict[int, Verdict]:
    """Let those live that are in the best ``ratio`` of all who came to this probe so far.

    Of earlier siblings with the same score a share ``ratio`` counts as better, since so many of them
    live. Ties go to the lower index.
    """
    order = sorted(scores, key=lambda i: (-scores[i], i))
    before = sorted(-score for score in view.earlier)
    quota = math.ceil((len(before) + len(order)) * ratio - 1e-9)

    def rank(place: int, score: float) -> float:
        better, level = bisect_left(before, -score), bisect_right(before, -score)
        return place + better + ratio * (level - better)

    ranks = (rank(place, scores[index]) for place, index in enumerate(order))
    return keep_best(order, sum(r < quota - 1e-9 for r in ranks), view)


def keep_best(order: list[int], target: int, view: GroupView) -> dict[int, Verdict]:
    """Let the first ``target`` of ``order`` live, more where ``min_survivors`` asks for it."""
    floor = view.min_survivors - view.finished - (view.alive - len(order))
    kept = set(order[: max(target, floor)])
    share = len(kept) / len(order) if order else 1.0
    lives, dies = Verdict(True, share), Verdict(False, share)
    return {i: lives if i in kept else dies for i in order}
