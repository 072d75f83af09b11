"""The ``arrol`` object, the headers and the usage of a search's response."""

from __future__ import annotations

from collections import Counter
from typing import Any, NotRequired
from urllib.parse import quote

from typing_extensions import TypedDict

from arrol_serve.api.reply.rows import Candidate, VoteCount, candidate_row, rounded, vote_row
from arrol_serve.api.ticket import SearchTicket
from arrol_serve.pipeline import SearchOutcome
from arrol_serve.rollout import Fate

NOT_VOTABLE = "No candidate holds an answer to vote on: the {} one is returned."
LONGEST_HEADER = 1024
"""Characters of an answer in a header; a longer one is left out."""
PLAIN_IN_HEADERS = " !\"#$&'()*+,/:;<=>?@[\\]^`{|}"
"""Stand for themselves there; ``%`` and what is no printable ASCII is percent-encoded, as in URLs."""


class SampleCounts(TypedDict):
    """Candidates by fate."""

    requested: int
    started: int
    finished: int
    truncated: int
    pruned: int
    cancelled: int
    no_answer: int
    """Finished ones that hold no answer."""


class TokenCounts(TypedDict):
    prompt: int
    generated: int
    winner: int
    saved_estimate: int
    """What ended candidates would have cost, had they run to the mean finished length."""


class HeadName(TypedDict):
    id: str | None
    version: str | None


class ArrolReport(TypedDict):
    """What a search did, beside the ordinary answer."""

    applied: bool
    answer: str | None
    confidence: float | None
    agreement: float | None
    vote: str
    scorer: str
    votable: bool
    samples: SampleCounts
    votes: list[VoteCount]
    tokens: TokenCounts
    stop: str
    waves: int
    """How often candidates were started."""
    head: HeadName | None
    verifier_timeouts: int
    latency_ms: int
    preset: NotRequired[str]
    temperature: NotRequired[float]
    """What was sampled at, where the request said 0."""
    note: NotRequired[str]
    candidates: NotRequired[list[Candidate]]


def arrol_object(ticket: SearchTicket, head_id: str | None) -> ArrolReport | None:
    """What the search did; None when the request asked for ``"return": "none"``."""
    outcome = ticket.outcome
    if outcome is None or outcome.plan.returns == "none":
        return None
    tally, plan = outcome.tally, outcome.plan
    report = ArrolReport(
        applied=True,
        answer=tally.standings[0].answer if tally.standings else None,
        confidence=rounded(tally.confidence),
        agreement=rounded(tally.agreement),
        vote=plan.vote,
        scorer=plan.scorer,
        votable=outcome.votable,
        samples=sample_counts(outcome),
        votes=[vote_row(standing) for standing in tally.standings],
        tokens=_token_counts(ticket, outcome),
        stop=outcome.stop,
        waves=outcome.waves,
        head=HeadName(id=head_id, version=ticket.head_version) if plan.scorer == "head" else None,
        verifier_timeouts=outcome.verifier_timeouts,
        latency_ms=outcome.latency_ms,
    )
    if plan.preset is not None:
        report["preset"] = plan.preset
    if ticket.temperature is not None:
        report["temperature"] = ticket.temperature
    first = "first" if plan.scorer == "none" else "best-scored"
    notes = [*ticket.notes, *(() if outcome.votable else (NOT_VOTABLE.format(first),))]
    if notes:
        report["note"] = " ".join(notes)
    if plan.returns == "candidates":
        report["candidates"] = [
            candidate_row(r, wave, outcome.answers.get(r.index), outcome.readings.get(r.index))
            for r, wave in zip(outcome.rollouts, outcome.wave_of, strict=True)
        ]
    return report


def sample_counts(outcome: SearchOutcome) -> SampleCounts:
    """Candidates by fate."""
    fates = Counter(rollout.fate for rollout in outcome.rollouts)
    mute = [r for r in outcome.rollouts if r.votes and outcome.answers.get(r.index) is None]
    return SampleCounts(
        requested=outcome.plan.samples,
        started=len(outcome.rollouts),
        finished=fates[Fate.FINISHED],
        truncated=fates[Fate.TRUNCATED],
        pruned=fates[Fate.PRUNED],
        cancelled=fates[Fate.CANCELLED],
        no_answer=len(mute),
    )


def _token_counts(ticket: SearchTicket, outcome: SearchOutcome) -> TokenCounts:
    winner = next(r for r in outcome.rollouts if r.index == outcome.ranked[0])
    return TokenCounts(
        prompt=ticket.prompt_tokens,
        generated=ticket.generated_tokens,
        winner=winner.token_count,
        saved_estimate=outcome.saved_estimate,
    )


def usage(ticket: SearchTicket, reported: dict[str, Any]) -> dict[str, Any]:
    """vLLM's usage with true counts: the prompt once, every generated token of every candidate."""
    if ticket.outcome is None:  # continuous usage, while the search goes on
        return reported
    generated = ticket.generated_tokens
    return {
        **reported,
        "prompt_tokens": ticket.prompt_tokens,
        "completion_tokens": generated,
        "total_tokens": ticket.prompt_tokens + generated,
    }


def headers(ticket: SearchTicket | None) -> dict[str, str]:
    """For clients that see headers but drop unknown JSON keys. Streams start before the outcome."""
    if ticket is None:
        return {}
    outcome = ticket.outcome
    if outcome is None:
        return {"x-arrol-applied": "true", "x-arrol-samples": str(ticket.plan.samples)}
    found = {
        "x-arrol-applied": "true",
        "x-arrol-samples": str(len(outcome.rollouts)),
        "x-arrol-pruned": str(sum(r.fate is Fate.PRUNED for r in outcome.rollouts)),
        "x-arrol-generated-tokens": str(ticket.generated_tokens),
        "x-arrol-stop": outcome.stop,
    }
    tally = outcome.tally
    if tally.confidence is not None:
        found["x-arrol-confidence"] = f"{tally.confidence:.4f}"
    if tally.standings:
        first = tally.standings[0]
        found["x-arrol-votes"] = f"{first.count}/{sum(s.count for s in tally.standings)}"
        answer = quote(first.answer, safe=PLAIN_IN_HEADERS)
        if len(answer) <= LONGEST_HEADER:
            found["x-arrol-answer"] = answer
    return found


def mirror_reasoning(message: dict[str, Any]) -> None:
    """vLLM says ``reasoning``; many clients still read ``reasoning_content``. Give both."""
    if message.get("reasoning") is not None:
        message.setdefault("reasoning_content", message["reasoning"])
