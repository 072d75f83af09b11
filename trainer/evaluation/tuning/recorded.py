"""What a replay needs of one question: its unpruned rollouts, their answers, and scores along the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arrol_serve.voting import Ballot
from trainer.prompts.equals import first_of_equals
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


def halves(
    questions: Sequence[Recorded], texts: Mapping[str, str]
) -> tuple[list[Recorded], list[Recorded]]:
    """The first to choose by, the second to report on: every other one, ordered by a hash of the id.

    ``texts``: by id what is asked. Equal questions are in the same half.
    """
    order = sorted(questions, key=lambda q: seed_for("half", q.id))
    first = first_of_equals([texts[q.id] for q in order])
    half = {place: number % 2 for number, place in enumerate(sorted(set(first)))}
    parts: tuple[list[Recorded], list[Recorded]] = ([], [])
    for question, place in zip(order, first, strict=True):
        parts[half[place]].append(question)
    return parts
