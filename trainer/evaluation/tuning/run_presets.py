"""The chosen presets really run on the second half, by the server's pipeline on a real engine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.pipeline import SearchOutcome
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import judge
from trainer.evaluation.tuning.live import LiveEngine
from trainer.evaluation.tuning.plans import Body, plan_of
from trainer.evaluation.tuning.sweep import Measured


def run_presets(
    engine: LiveEngine,
    items: Sequence[Item],
    presets: Mapping[str, Body],
    server: Mapping[str, Any],
    pool: AnswerPool,
    spec: AnswerSpec,
) -> dict[str, Measured]:
    """Each preset on every question. ``clock`` is NaN: an engine that others use too has no such time."""
    found: dict[str, Measured] = {}
    for name, body in presets.items():
        twin = next((m for m in found.values() if m.body == body), None)
        if twin is not None:
            found[name] = twin
            continue
        plan = plan_of({**body, "answer": answer_body(spec)}, server)
        with tqdm(total=len(items), unit="question", desc=f"running {name}") as bar:
            outcomes = engine.search(items, plan, pool, bar.update)
        found[name] = measured(body, items, outcomes, pool, spec)
    return found


def measured(
    body: Body,
    items: Sequence[Item],
    outcomes: Sequence[SearchOutcome],
    pool: AnswerPool,
    spec: AnswerSpec,
) -> Measured:
    """The outcomes in the form of a replay's."""
    texts = [_answered(outcome) for outcome in outcomes]
    verdicts = [
        text is not None and judge(pool, item, [text], spec)[0] is True
        for item, text in zip(items, texts, strict=True)
    ]
    sure = [o.tally.confidence for o in outcomes]
    return Measured(
        body,
        np.array(verdicts, dtype=float),
        np.array([float(sum(r.token_count for r in o.rollouts)) for o in outcomes]),
        np.full(len(outcomes), math.nan),
        np.array([math.nan if s is None else s for s in sure]),
        np.array([float(o.stop in ("confidence", "agreement")) for o in outcomes]),
        np.array([float(len(o.rollouts)) for o in outcomes]),
    )


def answer_body(spec: AnswerSpec) -> dict[str, Any]:
    """As a request says how answers are read."""
    return {
        "extract": spec.extract,
        "regex": spec.regex,
        "json_pointer": spec.json_pointer,
        "equivalence": spec.equivalence,
    }


def _answered(outcome: SearchOutcome) -> str | None:
    """The text that a client gets; None: it holds no answer."""
    if not outcome.votable:
        return None
    winner = outcome.ranked[0]
    return next(r.text for r in outcome.rollouts if r.index == winner)
