"""Candidates and votes as JSON: the same words in a search's report and while it runs."""

from __future__ import annotations

import math
from typing import Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from arrol_serve.answers.reading import Reading
from arrol_serve.rollout import ProbeScore, Rollout
from arrol_serve.voting import Standing

DESCRIBED = ConfigDict(use_attribute_docstrings=True)


@with_config(DESCRIBED)
class ProbeRow(TypedDict):
    tokens: int
    score: float | None
    """Calibrated logit (scorer ``head``) or mean log-probability (``confidence``)."""
    survival: float | None
    """The probability with which it survives this probe."""


class VoteCount(TypedDict):
    answer: str
    count: int
    weight: float | None
    probability: float | None
    """That it is right; null without calibrated scores."""


class Candidate(TypedDict):
    index: int
    wave: int
    """It was started with the wave of this number, from 0."""
    text: str
    answer: str | None
    kind: str | None
    """What kind of thing the answer is: integer, choice, interval, ..."""
    canonical: str | None
    """The form that answers are compared by."""
    read: str | None
    """What marked the answer, or why there is none; null: it was not read."""
    fate: str
    tokens: int
    quality: float | None
    confidence: float | None
    probes: list[ProbeRow]


@with_config(DESCRIBED)
class CandidateState(TypedDict):
    """What is new about a candidate; a field that is absent is as it was."""

    index: int
    wave: NotRequired[int]
    fate: NotRequired[Literal["queued", "running", "finished", "truncated", "pruned", "cancelled"]]
    """``queued``: without a token yet. ``finished`` may yet become ``cancelled``: it does not count."""
    tokens: NotRequired[int]
    probes: NotRequired[list[ProbeRow]]
    """All so far."""
    pruned_at: NotRequired[int]
    """Tokens at the probe that ended it."""
    quality: NotRequired[float | None]
    confidence: NotRequired[float | None]
    text: NotRequired[str]
    """Once it has ended, with ``"return": "candidates"``."""
    answer: NotRequired[str | None]
    """Once read; null: it holds none, or does not count."""
    cluster: NotRequired[int | None]
    """Candidates with equal answers share it; it stays as it is when another spelling is shown."""
    kind: NotRequired[str | None]
    canonical: NotRequired[str | None]
    read: NotRequired[str | None]


@with_config(DESCRIBED)
class VoteState(TypedDict):
    """What is new about an answer; a field that is absent is as it was."""

    cluster: int
    answer: NotRequired[str]
    count: NotRequired[int]
    """0: no candidate holds this answer any more."""
    weight: NotRequired[float | None]
    probability: NotRequired[float | None]


def probe_rows(probes: tuple[ProbeScore, ...]) -> list[ProbeRow]:
    return [
        ProbeRow(tokens=p.tokens, score=rounded(p.score), survival=rounded(p.survival))
        for p in probes
    ]


def vote_row(standing: Standing) -> VoteCount:
    return VoteCount(
        answer=standing.answer,
        count=standing.count,
        weight=rounded(standing.weight),
        probability=rounded(standing.probability),
    )


def candidate_row(
    rollout: Rollout, wave: int, answer: str | None, reading: Reading | None
) -> Candidate:
    """A candidate that has ended, for the report."""
    return Candidate(
        index=rollout.index,
        wave=wave,
        text=rollout.text,
        answer=answer,
        kind=reading.kind if reading else None,
        canonical=reading.canonical if reading else None,
        read=reading.why if reading else None,
        fate=rollout.fate.value,
        tokens=rollout.token_count,
        quality=rounded(rollout.quality),
        confidence=rounded(rollout.confidence),
        probes=probe_rows(rollout.probes),
    )


def rounded(value: float | None) -> float | None:
    """Four significant digits; None for what JSON cannot say."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.4g}")
