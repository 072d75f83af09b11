"""Questions for replays, by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arrol_serve.sampling_plan import SearchPlan
from arrol_serve.voting import Ballot
from trainer.evaluation.reporting.uniform_vote import uniform_votes
from trainer.evaluation.tuning.plans import plan_of as resolved
from trainer.evaluation.tuning.recorded import Recorded

SERVER: Mapping[str, Any] = {"head": "h", "head_id": "h", "probes": (4,)}


def plan_of(body: Mapping[str, Any]) -> SearchPlan:
    """What the server would make of the ``arrol`` object."""
    return resolved(dict(body), SERVER)


def question(
    answers: str,
    tokens: Sequence[int],
    *,
    scores: Mapping[int, Sequence[float]] | None = None,
    quality: Sequence[float] | None = None,
    name: str = "x/1",
) -> Recorded:
    """Each character is one rollout's answer, 7 is right, - was cut off. ``scores``: by probe; a rollout
    no longer than the probe never came to it.
    """
    size = len(answers)
    quality = quality or [0.5] * size
    right = tuple(a == "7" for a in answers)
    return Recorded(
        id=name,
        tokens=tuple(tokens),
        ballots=tuple(
            None if a == "-" else Ballot(i, a, q)
            for i, (a, q) in enumerate(zip(answers, quality, strict=True))
        ),
        right=right,
        scores=tuple(
            {p: row[i] for p, row in (scores or {}).items() if tokens[i] > p} for i in range(size)
        ),
        uniform=tuple(
            uniform_votes([None if a == "-" else a for a in answers], list(map(float, right)))
        ),
    )
