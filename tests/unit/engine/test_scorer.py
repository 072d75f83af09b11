"""Whom a step's scoring looks at, without an engine."""

from __future__ import annotations

import numpy as np
import torch

from arrol_serve.engine.plugin.heads import NamedHead
from arrol_serve.engine.plugin.rows import StepRows
from arrol_serve.engine.plugin.scorer import RowScorer
from arrol_serve.engine.plugin.scoring.device_check import Shapes
from arrol_serve.engine.plugin.scoring.device_scores import step_scores
from arrol_serve.engine.plugin.scoring.ends import NEVER, Ends
from arrol_serve.engine.plugin.wire import GroupPlan, StepScores
from arrol_serve.quality.head import QualityHead

HIDDEN, VOCABULARY, PROBE = 8, 20, 3
GENERATOR = torch.Generator().manual_seed(0)


def scorer_of(limited: list[bool]) -> RowScorer:
    """With a candidate for each, of which nothing is asked past the probe where it is ``limited``."""
    scorer = RowScorer(8, torch.device("cpu"), shapes=Shapes(width=1))
    scorer.heads.current = NamedHead(QualityHead(HIDDEN).eval(), "1")
    for index, limit in enumerate(limited):
        group = GroupPlan(
            str(limit),
            len(limited),
            len(limited),
            probes=(PROBE,),
            signals=("quality",),
            to_end=not limit,
        )
        ends = Ends((PROBE,), NEVER if limit else 6, False, ())
        scorer.admit(f"r{index}", group.member(index), ends)
    return scorer


def step(scorer: RowScorer, count: int) -> tuple[list[str], list[str]]:
    """Who is looked at in a step of so many requests, and who gets a score."""
    hidden = torch.randn(count, HIDDEN, generator=GENERATOR)
    selection = scorer.select(StepRows([f"r{i}" for i in range(count)], hidden, None))
    if selection is None:
        return [], []
    logits = torch.randn(count, VOCABULARY, generator=GENERATOR)
    scorer.before_sampling(selection, logits)
    scorer.after_sampling(selection, torch.from_numpy(np.full((count, 1), 7, np.int32)))
    scores = scorer.scores(selection, hidden)
    assert isinstance(scores, StepScores)
    return selection.req_ids, scores.req_ids


def test_candidates_are_not_looked_at_past_what_is_asked_of_them() -> None:
    scorer = scorer_of([True, False, True])
    seen = [step(scorer, 3) for _ in range(6)]
    everybody = ["r0", "r1", "r2"]
    assert seen == [
        *[(everybody, [])] * (PROBE - 1),
        (everybody, everybody),
        *[(["r1"], [])] * 2,
        (["r1"], ["r1"]),
    ]


def test_a_step_of_those_alone_is_plain() -> None:
    scorer = scorer_of([True, True])
    seen = [step(scorer, 2) for _ in range(PROBE + 2)]
    assert seen[PROBE:] == [([], []), ([], [])]
    assert scorer.active  # until the engine says that they have ended
    scorer.release(["r0", "r1"], {})
    assert not scorer.active


def test_confidence_is_told_to_those_alone_who_asked() -> None:
    scorer = RowScorer(8, torch.device("cpu"), shapes=Shapes(width=1))
    for name, signals in (("a", ("quality",)), ("b", ("confidence", "quality"))):
        plan = GroupPlan(name, 1, 1, signals=signals).member(0)
        scorer.admit(name, plan, Ends((), NEVER, True, ()))
    hidden = torch.randn(2, HIDDEN, generator=GENERATOR)
    selection = scorer.select(StepRows(["a", "b"], hidden, None))
    assert selection is not None
    scorer.before_sampling(selection, torch.randn(2, VOCABULARY, generator=GENERATOR))
    scorer.after_sampling(selection, torch.zeros(2, 1, dtype=torch.int32))
    with torch.inference_mode():  # as a worker's tensors are
        values = torch.zeros(2, 1, 3)
    for scores in (scorer.scores(selection, hidden), step_scores(selection, values)):
        assert isinstance(scores, StepScores)
        told = {
            name: not np.isnan(run[0][1])
            for name, run in zip(scores.req_ids, scores.values, strict=True)
        }
        assert told == {"a": False, "b": True}
