"""Which searches are tried: ``arrol`` objects, drawn from a grid and varied around the best; the server
would refuse some. Pure.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from trainer.evaluation.tuning.plans import Body

SAMPLES = (2, 4, 8, 16, 24, 32, 48, 64)
FIRST, WAVE = (2, 3, 4, 6, 8, 12, 16, 24), (1, 2, 4, 8, 16)
GROWTH = (0.0, 0.25, 0.5, 1.0)
CONFIDENCE = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)
KEEP = (0.125, 0.19, 0.25, 0.375, 0.5, 0.625, 0.75)
VOTES = ("quality", "evidence")
UNPRUNED = 1 / 8
"""Share of the plans by chance."""
MOST_PROBES = 16
"""Positions that are tried as probes."""


@dataclass(frozen=True, slots=True)
class Grid:
    """``samples`` at most; ``probes`` are the token counts at which scores are kept."""

    samples: int
    probes: tuple[int, ...]

    def draw(self, count: int, seed: int) -> Iterator[Body]:
        """``count`` searches by chance; every third starts all candidates at once, for latency first."""
        rng = random.Random(seed)  # no secret
        prunings = list(self._prunings())
        for number in range(count):
            prune = rng.choice(prunings) if prunings and rng.random() > UNPRUNED else {}
            yield self._adaptive(rng, prune) if number % 3 else self._one_shot(rng, prune)

    def near(self, body: Body, count: int, seed: int) -> Iterator[Body]:
        """``count`` variations of one or two of its settings."""
        rng = random.Random(seed)  # no secret
        one_shot = "early_stop" not in body
        for _ in range(count):
            prune = self._near_pruning(rng, body)
            other = self._one_shot(rng, prune) if one_shot else self._adaptive(rng, prune)
            keys = rng.sample(sorted({*body, *other}), k=rng.choice((1, 1, 2)))
            changed = {**body}
            for key in keys:
                changed.pop(key, None)
                if key in other:
                    changed[key] = other[key]
            yield changed

    def _one_shot(self, rng: random.Random, prune: Mapping[str, Any]) -> Body:
        return {"samples": rng.choice(self._counts()), "vote": rng.choice(VOTES), **prune}

    def _adaptive(self, rng: random.Random, prune: Mapping[str, Any]) -> Body:
        samples = rng.choice([n for n in self._counts() if n >= 4] or [self.samples])
        first = rng.choice([n for n in FIRST if n < samples] or [1])
        wave = rng.choice([n for n in WAVE if n < samples] or [1])
        growth = rng.choice(GROWTH)
        return {
            "samples": samples,
            "min_samples": first,
            "wave_samples": wave,
            **({"wave_growth": growth} if growth else {}),
            "early_stop": {"confidence": rng.choice(CONFIDENCE)},
            "vote": rng.choice(VOTES),
            **prune,
        }

    def _near_pruning(self, rng: random.Random, body: Body) -> Body:
        """The same probes with one moved, or another share kept, or another pruning altogether."""
        prunings = list(self._prunings())
        prune = body.get("prune")
        if prune is None or not prunings or rng.random() < 1 / 3:
            return rng.choice([{}, *prunings])
        if rng.random() < 1 / 2:
            return {"prune": {**prune, "keep": rng.choice(KEEP)}}
        probes = list(prune["probes"])
        place = rng.randrange(len(probes))
        probes[place] = rng.choice(self.probes)
        return {"prune": {**prune, "probes": sorted(set(probes))}}

    def _counts(self) -> list[int]:
        return sorted({n for n in SAMPLES if n <= self.samples} | {self.samples})

    def _prunings(self) -> Iterator[Body]:
        """One to three probes; of three, the first ones of a spread."""
        sets = list(self._probe_sets())
        for keep in KEEP:
            for probes in sets:
                yield {"prune": {"keep": keep, "probes": list(probes)}}

    def _probe_sets(self) -> Iterator[Sequence[int]]:
        spread = self.probes[:: max(1, len(self.probes) // 6)]
        yield from ((probe,) for probe in self.probes)
        yield from combinations(spread, 2)
        yield from combinations(spread[:: max(1, len(spread) // 4)], 3)


def different(bodies: Iterable[Body], known: set[str]) -> list[Body]:
    """Those that are not ``known`` yet; they are then."""
    found = []
    for body in bodies:
        key = json.dumps(body, sort_keys=True)
        if key not in known:
            known.add(key)
            found.append(body)
    return found


def recorded_positions(max_tokens: int) -> tuple[int, ...]:
    """Where scores are kept: every second token at first, then 15 % further each time."""
    found, position = [], 4
    while position < max_tokens:
        found.append(position)
        position += max(2, round(0.15 * position))
    return tuple(found)


def useful_positions(recorded: Sequence[int], mean_tokens: float) -> tuple[int, ...]:
    """The positions at which pruning could save something: up to 0.8 of the mean length."""
    early = [position for position in recorded if position <= 0.8 * mean_tokens]
    step = -(-len(early) // MOST_PROBES)
    return tuple(early[::-1][::step][::-1]) if early else ()
