"""The survival rule of ARRoL (arXiv 2603.24840), used by the trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from arrol_serve.errors import InvalidRequest
from arrol_serve.pruning.success import at, success, tables
from arrol_serve.pruning.survival import GroupView, Verdict, number, uniform

MAX_SHIFT = 4.0
"""No more of ``delta`` changes anything: kappa, lam (rho - q) and p are within 1, 2 and 1."""


@dataclass(frozen=True, slots=True)
class Arrol:
    """Survive with p = clip(kappa + delta + lam (rho - q), p_min, p_max), a seeded coin per rollout.

    q is the posterior of success: ``posterior[b]`` of the bin b = floor(B sigmoid(score)), or
    sigmoid(score) where no posterior is given. ``delta`` and ``posterior`` are for all probes, or lists
    of one for each: a score says less early on. It favours low q whatever the prompt, which pulls
    easy prompts towards balance and hard ones away from it.
    """

    kappa: float = 0.5
    delta: float | Sequence[float] = 0.0
    rho: float = 0.5
    lam: float = 0.5
    p_min: float = 0.1
    p_max: float = 0.9
    posterior: Sequence[float] | Sequence[Sequence[float]] = ()
    name: ClassVar[str] = "arrol"
    waits: ClassVar[bool] = False
    late: ClassVar[bool] = False

    def __post_init__(self) -> None:
        bounds: dict[str, tuple[float, float]] = {
            "kappa": (0, 1),
            "rho": (0, 1),
            "lam": (-2, 2),
        }
        bounds |= {"p_min": (1e-6, 1), "p_max": (1e-6, 1)}
        for key, (low, high) in bounds.items():
            object.__setattr__(self, key, number(key, getattr(self, key), low, high))
        if self.p_min > self.p_max:
            raise InvalidRequest("arrol.prune.p_min is above p_max.", param="arrol.prune.p_min")
        shifts = self.delta if isinstance(self.delta, list | tuple) and self.delta else [self.delta]
        checked = tuple(number("delta", shift, -MAX_SHIFT, MAX_SHIFT) for shift in shifts)
        object.__setattr__(self, "delta", checked)
        object.__setattr__(self, "posterior", tables(self.posterior))

    def success(self, score: float, probe: int = 0) -> float:
        """q: the probability that the rollout ends right."""
        return success(score, self.posterior, probe)

    def shift(self, probe: int) -> float:
        return float(at(self.delta, probe))  # type: ignore[arg-type]

    def survival(self, score: float, probe: int = 0) -> float:
        """p of the rule, before the coin."""
        q = self.success(score, probe)
        return self.clip(self.kappa + self.shift(probe) + self.lam * (self.rho - q))

    def clip(self, p: float) -> float:
        return min(self.p_max, max(self.p_min, p))

    def judge(self, scores: Mapping[int, float], view: GroupView) -> dict[int, Verdict]:
        return toss({i: self.survival(score, view.probe) for i, score in scores.items()}, view)


def toss(survival: Mapping[int, float], view: GroupView) -> dict[int, Verdict]:
    """A seeded coin for each rollout's probability, as long as ``min_survivors`` are left."""
    living = view.alive + view.finished
    verdicts = {}
    for index, p in sorted(survival.items()):
        if living <= view.min_survivors:  # forced: its propensity really is 1
            verdicts[index] = Verdict(survives=True, survival=1.0)
            continue
        survives = uniform(view.seed, view.probe, index) < p
        living -= not survives
        verdicts[index] = Verdict(survives, p)
    return verdicts
