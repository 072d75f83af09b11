"""An engine's time in three numbers, and what a plan takes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from trainer.evaluation.tuning.engine_time import Array, EngineTime, measure


@dataclass
class Asked:
    """Two questions."""

    clock: Array
    tokens: Array
    started: Array


def asked(clock: float, tokens: float, started: float) -> Asked:
    return Asked(*(np.array([x, x]) for x in (clock, tokens, started)))


def test_the_three_numbers_are_found_again() -> None:
    def seconds(candidates: int, tokens: int) -> float:
        return 0.003 * tokens + 0.0001 * tokens * candidates + 0.001 * candidates

    found = measure(seconds, sequences=128, at_once=32, longest=200)
    assert (found.step, found.token, found.start) == pytest.approx((0.003, 0.0001, 0.001))
    assert (found.sequences, found.at_once) == (128, 32)


@pytest.mark.parametrize(("sequences", "longest"), [(1, 1), (1, 200), (128, 1), (128, 2)])
def test_small_engines_and_short_replies_are_measured_too(sequences: int, longest: int) -> None:
    seen: list[tuple[int, int]] = []

    def seconds(candidates: int, tokens: int) -> float:
        seen.append((candidates, tokens))
        return 0.001 * candidates * tokens

    found = measure(seconds, sequences, at_once=1, longest=longest)
    assert all(np.isfinite(x) and x >= 0 for x in (found.step, found.token, found.start))
    assert max(tokens for _, tokens in seen) <= longest


def test_a_busy_engine_shares_its_steps_until_they_are_full() -> None:
    engine = EngineTime(step=1.0, token=0.0, start=0.0, sequences=10, at_once=4)
    assert engine.busy(asked(clock=100, tokens=100, started=1)) == 25  # four questions a step
    assert (
        engine.busy(asked(clock=100, tokens=1000, started=10)) == 100
    )  # ten candidates a step, no more
    assert engine.alone(asked(clock=100, tokens=1000, started=10)) == 100


def test_a_long_search_of_few_candidates_is_dearer_than_a_short_one_of_many() -> None:
    """Both generate 800 tokens: what tokens alone cannot tell."""
    engine = EngineTime(step=0.003, token=0.0001, start=0.001, sequences=128, at_once=32)
    long, short = asked(clock=700, tokens=800, started=12), asked(clock=100, tokens=800, started=16)
    assert engine.busy(long) > 1.3 * engine.busy(short)
    assert engine.alone(long) > 4 * engine.alone(short)
