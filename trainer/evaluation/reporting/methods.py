"""Records of one arm to each question's correctness and tokens, for every method. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from arrol_serve.rollout import Fate
from arrol_serve.voting import Ballot, VoteRule, decided, tally
from trainer.evaluation.needs import CONFIDENCE, HEAD, ONLINE, PRUNING, SEARCHES
from trainer.evaluation.records import Record, Sample
from trainer.evaluation.reporting.statistics import pass_at_k
from trainer.evaluation.reporting.uniform_vote import uniform_vote, uniform_votes
from trainer.evaluation.sampling import ADAPTIVE, AGREEMENT


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question under one method: how right, from 0 to 1, and tokens generated for it."""

    right: float
    tokens: float


@dataclass(frozen=True, slots=True)
class Method:
    """``arm`` is what must be sampled; ``apply`` what is made of it."""

    arm: str
    apply: Callable[[Record], Outcome]
    needs: frozenset[str] = frozenset()


def vote(samples: Sequence[Sample], rule: VoteRule) -> float:
    """1.0 if the vote's winner was judged right. Without any answer: 0.

    A uniform vote sees no score: with a tie, it is the chance that a lot falls on a right answer.
    """
    if rule == "uniform":
        return uniform_vote(*blind(samples))
    result = tally(_ballots(samples), rule)
    right = {s.index: s.right for s in samples}
    return float(bool(result.standings) and right[result.standings[0].best] is True)


def blind(samples: Sequence[Sample]) -> tuple[list[str | None], list[float]]:
    """What a uniform vote may know: the answers that vote, and whether each rollout is right."""
    voting = {ballot.rollout: ballot.answer for ballot in _ballots(samples)}
    return [voting.get(s.index) for s in samples], [float(s.right is True) for s in samples]


def _ballots(samples: Sequence[Sample]) -> list[Ballot]:
    return [
        Ballot(s.index, s.answer, s.quality, s.confidence)
        for s in samples
        if s.fate == Fate.FINISHED.value and s.votes
    ]


def _tokens(record: Record) -> int:
    return sum(s.tokens for s in record.samples)


def _voted(rule: VoteRule) -> Callable[[Record], Outcome]:
    return lambda record: Outcome(vote(record.samples, rule), _tokens(record))


def _one(record: Record) -> Outcome:
    count = len(record.samples)
    right = sum(s.right is True for s in record.samples)
    return Outcome(right / count, _tokens(record) / count)


def _any(record: Record) -> Outcome:
    right = sum(s.right is True for s in record.samples)
    return Outcome(pass_at_k(len(record.samples), right, len(record.samples)), _tokens(record))


def deepconf(share: float) -> Callable[[Record], Outcome]:
    """DeepConf offline: the ``share`` most confident answered rollouts vote by confidence."""

    def apply(record: Record) -> Outcome:
        answered = [s for s in record.samples if s.answer is not None]
        order = sorted(
            answered, key=lambda s: (math.inf if s.confidence is None else -s.confidence, s.index)
        )
        kept = order[: max(1, math.ceil(share * len(order)))]
        return Outcome(vote(kept, "confidence"), _tokens(record))

    return apply


def adaptive(record: Record, agreement: float = AGREEMENT) -> Outcome:
    """One rollout after another, in order, until the uniform vote is decided."""
    for count in range(1, len(record.samples) + 1):
        taken = record.samples[:count]
        if decided(tally(_ballots(taken), "uniform"), len(record.samples) - count, agreement):
            break
    return Outcome(vote(taken, "uniform"), sum(s.tokens for s in taken))


_HEAD, _CONFIDENCE = frozenset({HEAD}), frozenset({CONFIDENCE})
_PRUNING, _ONLINE = frozenset({PRUNING}), frozenset({ONLINE})

METHODS: dict[str, Method] = {
    "pass@1": Method("unpruned", _one),
    "pass@k": Method("unpruned", _any),
    "uniform": Method("unpruned", _voted("uniform")),
    "adaptive": Method("unpruned", adaptive),
    "adaptive-online": Method(ADAPTIVE, _voted("uniform"), frozenset({SEARCHES})),
    "quality": Method("unpruned", _voted("quality"), _HEAD),
    "rank": Method("unpruned", _voted("rank"), _HEAD),
    "confidence": Method("unpruned", _voted("confidence"), _CONFIDENCE),
    "best": Method("unpruned", _voted("best"), _HEAD),
    "deepconf-offline-10": Method("unpruned", deepconf(0.1), _CONFIDENCE),
    "deepconf-offline-90": Method("unpruned", deepconf(0.9), _CONFIDENCE),
    "deepconf-online-10": Method("deepconf-online-10", _voted("confidence"), _ONLINE),
    "deepconf-online-90": Method("deepconf-online-90", _voted("confidence"), _ONLINE),
    "pruned": Method("pruned", _voted("quality"), _HEAD | _PRUNING),
    "pruned-uniform": Method("pruned", _voted("uniform"), _HEAD | _PRUNING),
    "random-pruned": Method("random-pruned", _voted("uniform"), _PRUNING),
    "random-pruned-quality": Method("random-pruned", _voted("quality"), _HEAD | _PRUNING),
}


def uniform_curve(records: Sequence[Record]) -> tuple[list[float], list[float]]:
    """Mean tokens and accuracy of the uniform vote over k random rollouts, k = 1, 2, ..."""
    size = len(records[0].samples)
    mean = sum(_tokens(record) for record in records) / len(records) / size
    each = [uniform_votes(*blind(record.samples)) for record in records]
    right = [sum(column) / len(records) for column in zip(*each, strict=True)]
    return [mean * k for k in range(1, size + 1)], right
