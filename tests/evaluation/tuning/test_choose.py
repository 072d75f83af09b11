"""Which plans become presets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.evaluation.tuning.replay_cases import question
from trainer.evaluation.tuning.choose import Uniform, choose, shown_front, uniform_votes_of
from trainer.evaluation.tuning.engine_time import EngineTime
from trainer.evaluation.tuning.grid import recorded_positions, useful_positions
from trainer.evaluation.tuning.sweep import Measured, front, near_front

SIZE = 100


def plan(name: str, accuracy: float, cost: float, clock: float = 10.0) -> Measured:
    right = (np.arange(SIZE) < accuracy * SIZE).astype(float)
    full = np.full(SIZE, 1.0)
    return Measured(
        {"name": name}, right, full * cost, full * clock, full * 0.5, full * 0, full * 4
    )


def elsewhere(made: Measured) -> Measured:
    """Right on other questions."""
    return replace(made, right=np.roll(made.right, 5))


def vote(samples: int, accuracy: float, clock: float = 10.0) -> Uniform:
    right = (np.arange(SIZE) < accuracy * SIZE).astype(float)
    return Uniform(samples, right, np.full(SIZE, 10.0 * samples), np.full(SIZE, clock))


ENGINE = EngineTime(step=1.0, token=0.0, start=0.0, sequences=1000, at_once=1)
"""Of which nothing but the steps takes time."""
UNIFORM = {4: vote(4, 0.3), 16: vote(16, 0.5), 64: vote(64, 0.6)}


def names(plans: list[Measured]) -> dict[str, str]:
    return {preset: p.body["name"] for preset, p in choose(plans, UNIFORM, ENGINE).items()}


def test_each_preset_is_the_cheapest_that_does_what_it_is_for() -> None:
    plans = [
        plan("slow and cheap", 0.55, 20, clock=30),
        plan("quick", 0.56, 50, clock=9),
        plan("cheaper and less quick", 0.57, 40, clock=10),
        elsewhere(plan("as right as 64", 0.59, 60, clock=30)),
        elsewhere(plan("as right, dearer", 0.62, 80)),
        plan("most accurate", 0.8, 150, clock=30),
        plan("too dear", 0.95, 400),
    ]
    assert names(plans) == {
        "fast": "quick",
        "balanced": "as right as 64",
        "best": "most accurate",
    }


def test_a_lucky_plan_is_not_as_right_as_the_vote() -> None:
    """0.5 on the nose is within a standard error of the vote's 0.5: not enough to be called as right."""
    lucky = plan("lucky", 0.5, 10)
    lucky = replace(lucky, right=lucky.right[::-1].copy())
    assert names([lucky, plan("sure", 0.62, 50)])["fast"] == "sure"


def test_without_any_good_plan_there_are_presets_all_the_same() -> None:
    found = names([plan("poor", 0.2, 30), plan("poorer", 0.1, 20)])
    assert set(found.values()) == {"poor"}


def test_the_front_and_what_is_near_it() -> None:
    plans = [plan("a", 0.4, 10), plan("b", 0.35, 20), plan("c", 0.5, 30), plan("d", 0.5, 40)]
    assert [p.body["name"] for p in front(plans)] == ["a", "c"]
    near = near_front(
        np.array([p.accuracy for p in plans]), np.array([p.cost for p in plans]), 0.06
    )
    assert near.tolist() == [True, True, True, True]
    assert not near_front(np.array([0.4, 0.3]), np.array([10.0, 20.0]), 0.06)[1]
    many = [plan(str(i), 0.3 + i / 100, i) for i in range(1, 40)]
    shown = shown_front(many, UNIFORM, 5)
    assert [p.body["name"] for p in (shown[0], shown[-1])] == ["1", "39"]
    assert len(shown) == 5


def test_the_reference_is_the_expected_uniform_vote() -> None:
    questions = [question("7755", [10, 20, 30, 40]), question("5557", [8, 8, 8, 8])]
    found = uniform_votes_of(questions)
    assert list(found) == [1, 2, 4]
    assert found[1].right.tolist() == [0.5, 0.25]
    assert found[4].right.tolist() == [0.5, 0.0]
    assert found[2].tokens.tolist() == [50, 16]
    assert found[4].clock.tolist() == [40, 8]


def test_probes_are_looked_for_while_replies_are_young() -> None:
    kept = recorded_positions(256)
    assert kept[:4] == (4, 6, 8, 10)
    assert kept[-1] < 256
    assert len(recorded_positions(4096)) < 50
    useful = useful_positions(kept, 100)
    assert len(useful) <= 16
    assert max(useful) <= 80
    assert useful_positions(kept, 3) == ()
