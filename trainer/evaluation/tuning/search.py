"""The search for good plans: many by chance, then variations of the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.evaluation.tuning.choose import shown_front, uniform_votes_of
from trainer.evaluation.tuning.grid import Grid, different, useful_positions
from trainer.evaluation.tuning.plans import accepted
from trainer.evaluation.tuning.sweep import Measured, Sweep, front

ROUNDS = 2
"""Rounds of variations."""
DRAWN = 2
"""Plans by chance for each that is tried: some are alike, and some the server refuses."""
AROUND = 24
"""Plans of each front that are varied: that of tokens, and that of time."""


@dataclass(frozen=True, slots=True)
class Found:
    """``plans``: those that came through the race, measured on all questions."""

    plans: list[Measured]
    tried: int
    replays: int


def find(sweep: Sweep, policies: int, seed: int) -> Found:
    """``policies`` different plans are tried: half of them by chance, the rest near the best so far."""
    questions = sweep.questions
    recorded = sorted({position for q in questions for s in q.scores for position in s})
    mean = float(np.mean([q.mean_tokens for q in questions]))
    grid = Grid(len(questions[0].tokens), useful_positions(recorded, mean))
    known: set[str] = set()
    drawn = accepted(grid.draw(DRAWN * policies, seed), sweep.config)
    bodies = different(drawn, known)[: max(1, policies // 2)]
    uniform = uniform_votes_of(questions)
    plans, tried = sweep.race(bodies, "plans by chance"), len(bodies)
    for number in range(1, ROUNDS + 1):
        share = (policies - policies // 2) // ROUNDS
        quick = front(plans, sweep.engine.busy)[-AROUND:]
        best = [*shown_front(plans, uniform, AROUND), *quick]
        each = -(-share // len(best))
        near = (body for plan in best for body in grid.near(plan.body, each, seed + number))
        bodies = different(accepted(near, sweep.config), known)[:share]
        if bodies:
            plans += sweep.race(bodies, f"variations {number} of {ROUNDS}")
        tried += len(bodies)
    return Found(plans, tried, sweep.replays)
