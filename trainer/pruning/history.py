"""How often a prompt was solved so far: an estimate for the prompt, its kind, and all of them."""

from __future__ import annotations

from dataclasses import dataclass, field

STRENGTH = 4.0
"""Rollouts' worth of trust in the more general estimate."""
FORGET = 0.99
"""What one group leaves of the counts of its kind and of the whole."""
REMEMBERED = 65_536
"""Prompts (and kinds) that are remembered by themselves; the ones seen longest ago are forgotten."""


@dataclass(slots=True)
class SuccessHistory:
    """Counts ``[successes, rollouts]``, each rollout weighted by 1 / propensity."""

    whole: list[float] = field(default_factory=lambda: [0.0, 0.0])
    kinds: dict[str, list[float]] = field(default_factory=dict)
    prompts: dict[str, list[float]] = field(default_factory=dict)
    """Both in the order in which they were last seen."""
    flat: dict[str, int] = field(default_factory=dict)
    """How often in a row a prompt's survivors were all right or all wrong; the others are not in it."""

    def estimate(self, key: str, kind: str) -> float:
        """The success rate to expect, from the general to the particular; 1/2 knowing nothing."""
        rate = 0.5
        for counts in (self.whole, self.kinds.get(kind), self.prompts.get(key)):
            if counts is not None:
                rate = (counts[0] + STRENGTH * rate) / (counts[1] + STRENGTH)
        return rate

    def chance(self, key: str, revisit: float, floor: float) -> float:
        """The probability that a prompt is asked again, see ``data.revisit``."""
        return max(floor, revisit ** self.flat.get(key, 0))

    def saw(self, key: str, *, mixed: bool) -> None:
        """Whether a prompt's last group taught anything."""
        times = self.flat.pop(key, 0)
        if not mixed:
            self.flat[key] = times + 1
        while len(self.flat) > REMEMBERED:
            del self.flat[next(iter(self.flat))]

    def add(self, key: str, kind: str, successes: float, rollouts: float) -> None:
        """One group's weighted counts."""
        for counts, keep in (
            (self.whole, FORGET),
            (_latest(self.kinds, kind), FORGET),
            (_latest(self.prompts, key), 1.0),
        ):
            counts[0] = keep * counts[0] + successes
            counts[1] = keep * counts[1] + rollouts


def _latest(table: dict[str, list[float]], key: str) -> list[float]:
    """The counts of ``key``, which is the one seen last now."""
    counts = table[key] = table.pop(key, [0.0, 0.0])
    while len(table) > REMEMBERED:
        del table[next(iter(table))]
    return counts
