"""Keep what scores highest and lowest: for training, where right and wrong rollouts teach together."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from arrol_serve.errors import InvalidRequest
from arrol_serve.pruning.fixed_size import draw, raised
from arrol_serve.pruning.success import likely, success, tables
from arrol_serve.pruning.survival import GroupView, Verdict, number, uniform
from arrol_serve.pruning.top_fraction import ratio


@dataclass(frozen=True, slots=True)
class BothEnds:
    """A share ``keep`` survives: those at either end of the group's scores with ``p_max``, the others with
    ``p_min``, however hard the prompt; without ``lean`` scores need only rank.

    The ends are as wide as makes the chances add up to what is to be kept, and equally wide; ``lean``
    widens the one of the rarer outcome, at 1 to the expected share of the other one: on a prompt that is
    solved with probability 0.9, nine tenths of the ends' places are at the low end. The draw keeps the asked
    number, with chances that are exact for each rollout. Latecomers have those of their rank among all.
    """

    keep: float = 0.5
    lean: float = 0.0
    p_min: float = 0.1
    p_max: float = 0.9
    posterior: Sequence[float] | Sequence[Sequence[float]] = ()
    """For ``lean``, as of ``arrol``."""
    prompt_mean: float = 0.5
    """For ``lean``: the success rate that was expected beforehand."""
    name: ClassVar[str] = "both_ends"
    waits: ClassVar[bool] = True
    late: ClassVar[bool] = True

    def __post_init__(self) -> None:
        bounds = {"keep": (0.0, 1.0), "p_min": (1e-6, 1.0), "p_max": (1e-6, 1.0)}
        bounds |= {"lean": (0.0, 1.0), "prompt_mean": (0.0, 1.0)}
        for key, (low, high) in bounds.items():
            checked = number(key, getattr(self, key), low, high, open_low=key == "keep")
            object.__setattr__(self, key, checked)
        if self.p_min > self.p_max:
            raise InvalidRequest("arrol.prune.p_min is above p_max.", param="arrol.prune.p_min")
        object.__setattr__(self, "posterior", tables(self.posterior))

    def judge(self, scores: Mapping[int, float], view: GroupView) -> dict[int, Verdict]:
        order = sorted(scores, key=lambda i: (scores[i], i))
        chances = self._chances([scores[i] for i in order], view)
        least = view.min_survivors - view.finished - (view.alive - len(order))
        chances = raised(chances, least)
        coin = uniform(view.seed, view.probe, -1 - len(view.earlier))  # no rollout's own number
        drawn = draw(chances, coin)
        return {
            i: Verdict(*both)
            for i, both in zip(order, zip(drawn, chances, strict=True), strict=True)
        }

    def _chances(self, scores: Sequence[float], view: GroupView) -> list[float]:
        """Survival probabilities of ``scores``, which rise, by rank among these and the earlier ones."""
        earlier = sorted(view.earlier)
        count = len(earlier) + len(scores)
        kept = math.ceil(count * ratio(self.keep, view) - 1e-9)
        least, most = min(self.p_min, kept / count), max(self.p_max, kept / count)
        width = (kept - count * least) / (most - least) if most > least else 0.0
        low = width * self._low_share([*earlier, *scores], view.probe)
        high = count - (width - low)
        chances = []
        for place, score in enumerate(scores):
            rank = place + (bisect_left(earlier, score) + bisect_right(earlier, score)) / 2
            inside = max(0.0, min(1.0, low - rank)) + max(0.0, min(1.0, rank + 1 - high))
            chances.append(least + (most - least) * min(1.0, inside))
        return chances

    def _low_share(self, scores: Sequence[float], probe: int) -> float:
        """The share of the ends' places that is at the low end."""
        if self.lean == 0:
            return 0.5
        rate = likely((success(s, self.posterior, probe) for s in scores), self.prompt_mean)
        return 0.5 + self.lean * (rate - 0.5)
