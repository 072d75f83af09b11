"""What a replay needs of one question: its unpruned rollouts, their answers, and scores along the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arrol_serve.voting import Ballot
from trainer.seeds import seed_for


@dataclass(frozen=True, slots=True)
class Recorded:
    """R rollouts of one question, by index."""

    id: str
    tokens: tuple[int, ...]
    ballots: tuple[Ballot | None, ...]
    """None: it was cut off and does not vote."""
    right: tuple[bool, ...]
    scores: tuple[Mapping[int, float], ...]
    """Tokens at a probe -> calibrated logit, for the probes that the rollout came to."""
    uniform: tuple[float, ...]
    """How right the uniform vote of k of them is on the mean, k = 1 to R."""

    @property
    def mean_tokens(self) -> float:
        return sum(self.tokens) / len(self.tokens)


def halves(questions: Sequence[Recorded]) -> tuple[list[Recorded], list[Recorded]]:
    """The first to choose by, the second to report on: every other one, ordered by a hash of the id."""
    order = sorted(questions, key=lambda q: seed_for("half", q.id))
    return order[0::2], order[1::2]
