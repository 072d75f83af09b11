"""How far a preset's own word can be believed: constants of P(the answer is right) for one plan.

A head's constants are fitted on whole groups. A plan that prunes hard and stops early shows the vote other
groups, so that what it says of itself may be off: here the constants are fitted to what the plan sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
from tqdm import tqdm

from arrol_serve.belief import Belief
from trainer.evaluation.tuning.plans import Body
from trainer.evaluation.tuning.sweep import Measured, Sweep, tokens_of
from trainer.head.belief import FEWEST, fit_to

STOPS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98)
ROUNDS = 2
"""Rounds of fitting: other constants stop elsewhere, and so show other moments."""
DEARER = 1.05
"""Tokens, and time of a busy engine, relative to the plan's own, that more truth may cost."""


def trusted(sweep: Sweep, plan: Measured) -> Measured:
    """The plan with the constants that describe it best, on the sweep's questions.

    They decide when a search stops, and the weights of an ``evidence`` vote: so the stop is chosen again with
    them, of what costs no more and is as right, to a standard error. The plan as it is where none is better.
    """
    if len(sweep.questions) < FEWEST:
        return plan
    plans = sweep.measure(list(_variants(sweep, plan.body)), "what it says of itself")
    costs = tokens_of, sweep.engine.busy
    within = [p for p in plans if all(cost(p) <= DEARER * cost(plan) for cost in costs)]
    return min([plan, *(p for p in within if _not_worse(p, plan))], key=log_loss)


def log_loss(plan: Measured) -> float:
    """[nats a question] of its P(right); without an answer it says 0."""
    said = np.clip(np.nan_to_num(plan.confidence), 1e-3, 1 - 1e-3)
    return float(-(plan.right * np.log(said) + (1 - plan.right) * np.log1p(-said)).mean())


def _variants(sweep: Sweep, body: Body) -> Iterator[Body]:
    stop: dict[str, Any] = body.get("early_stop") or {}
    stops = [{"confidence": s} for s in STOPS] if "confidence" in stop else [stop or None]
    for chosen in tqdm(stops, unit="stop", desc="constants of a preset"):
        changed = body if chosen is None else {**body, "early_stop": chosen}
        for _ in range(ROUNDS):
            belief: Belief = fit_to(sweep.moments(changed))
            changed = {**changed, "belief": asdict(belief)}
        yield changed


def _not_worse(plan: Measured, than: Measured) -> bool:
    difference = plan.right - than.right
    return bool(difference.mean() >= -difference.std() / np.sqrt(len(difference)))
