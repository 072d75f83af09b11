"""Where an engine's time goes, in three numbers: what a plan costs it when many ask at once.

Tokens alone mislead: on a small model, and on any model with few candidates in a step, most of a step's time
does not depend on how many tokens it makes, so that few candidates for a long time are dearer than many for a
short one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDS = 5
"""The quickest of each case counts: what else the machine does only adds to it."""
TOKENS = 48
"""Of each timed candidate."""
TOGETHER = 64
"""Candidates that are timed together, at most."""


class Work(Protocol):
    """What Q questions ask of an engine; every array is [Q]."""

    @property
    def clock(self) -> Array:
        """Decode steps to the answer."""

    @property
    def tokens(self) -> Array:
        """Of all candidates."""

    @property
    def started(self) -> Array:
        """Candidates."""


@dataclass(frozen=True, slots=True)
class EngineTime:
    """``step`` [s] of every decode step, ``token`` [s] of each candidate in it, ``start`` [s] once for each
    candidate: its prompt and its bookkeeping.
    """

    step: float
    token: float
    start: float
    sequences: int
    """Candidates in a step, at most."""
    at_once: int
    """Questions that share its steps when it is busy."""

    def alone(self, work: Work) -> float:
        """[s] to an answer on an engine that does nothing else, the median."""
        seconds = self.step * work.clock + self.token * work.tokens + self.start * work.started
        return float(np.median(seconds))

    def busy(self, work: Work) -> float:
        """[s] of the engine for a question, on the mean, when it is busy."""
        clock, tokens, started = (float(x.mean()) for x in (work.clock, work.tokens, work.started))
        steps = max(clock / self.at_once, tokens / self.sequences)
        return self.step * steps + self.token * tokens + self.start * started


def measure(
    seconds_of: Callable[[int, int], float], sequences: int, at_once: int, longest: int
) -> EngineTime:
    """``seconds_of(candidates, tokens)`` generates so many tokens of each, all at once; at most ``longest``.

    One long candidate, many short ones and many long ones: three equations for three numbers.
    """
    many, long = max(2, min(TOGETHER, sequences)), min(TOKENS, longest)
    cases = ((1, long), (many, 1), (many, long))
    for case in cases:  # warms it up
        seconds_of(*case)
    taken = [[seconds_of(*case) for case in cases] for _ in range(ROUNDS)]
    times = [min(column) for column in zip(*taken, strict=True)]
    rows = [[tokens, tokens * candidates, candidates] for candidates, tokens in cases]
    solved = np.linalg.lstsq(np.array(rows, float), np.array(times))[0]
    step, token, start = (max(0.0, float(x)) for x in solved)
    return EngineTime(step, token, start, sequences, at_once)
