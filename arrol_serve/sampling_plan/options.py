"""The request's ``arrol`` object: its keys, their types, and errors that name the key."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from arrol_serve.answers.spec import Equivalence, Extract
from arrol_serve.errors import InvalidRequest, complaint
from arrol_serve.voting import VoteRule

Scorer = Literal["head", "confidence", "none"]
"""``none``: votes are counted, which spares the engine the scoring."""
Returns = Literal["none", "summary", "candidates"]
StreamMode = Literal["buffered", "progress"]
LARGEST = 2**53 - 1
"""Largest integer that JSON readers in all languages take exactly."""
MOST_GROWTH = 4
"""Candidates of a wave, relative to all before it."""


class _Strict(BaseModel):
    """No unknown keys, no conversions (true is not 1), no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class PruneOptions(_Strict):
    """When and how weak candidates are ended."""

    keep: float | None = Field(
        default=None, description="Share of the candidates that survives the probes; default 0.5."
    )
    probes: list[Annotated[int, Field(le=LARGEST)]] | None = Field(
        default=None, description="Generated-token counts at which to look; default: the head's."
    )
    policy: str | None = Field(default=None, description="Survival policy; default top_fraction.")
    threshold: float | None = Field(
        default=None,
        description="For policy threshold: least calibrated probability of being right; for "
        "confidence_floor: least confidence.",
    )
    min_survivors: Annotated[int, Field(ge=1, le=LARGEST)] | None = Field(
        default=None, description="Candidates that must survive; default 1."
    )


class EarlyStopOptions(_Strict):
    """When the answer is good enough, so that no more candidates are started and the rest ends."""

    confidence: float | None = Field(
        default=None,
        ge=0.5,
        lt=1.0,
        description="Stop when the answer is right with this probability; needs a quality head, "
        "where it is the default, 0.9.",
    )
    agreement: float | None = Field(
        default=None,
        gt=0.5,
        le=1.0,
        description="Stop when the leading answer stays ahead with this probability, whatever the "
        "scores; the default without a head, 0.95.",
    )


class BeliefOptions(_Strict):
    """Constants of P(the answer is right), as ``arrol-eval tune`` fits them to a plan."""

    agreement: float = Field(ge=0, le=100, description="What an answer gains by log supporters.")
    score: float = Field(ge=0, le=100, description="What it gains by their mean logit.")
    doubt: float = Field(
        ge=-100, le=100, description="Evidence that none of the answers seen is right, in nats."
    )


class AnswerOptions(_Strict):
    """How answers are read and compared."""

    extract: Extract = "auto"
    regex: str | None = Field(
        default=None, description='For "extract": "regex", in RE2 syntax; the last match counts.'
    )
    json_pointer: str | None = Field(default=None, description='For "extract": "json" (RFC 6901).')
    equivalence: Equivalence = "math"


class ArrolOptions(_Strict):
    """How many candidates to sample for one answer, which to end early, and how they vote."""

    preset: str | None = Field(
        default=None,
        description="Settings by name: fast, balanced, best, or the server's own. Other keys win.",
    )
    samples: int | None = Field(
        default=None, description="Candidates to sample, at most if early_stop is on; default 16."
    )
    budget: int | None = Field(default=None, description="Another name for samples.")
    min_samples: int | None = Field(
        default=None, description="With early_stop: candidates to begin with; default 4."
    )
    wave_samples: int | None = Field(
        default=None,
        description="With early_stop: candidates to add at a time; default: as many as min_samples.",
    )
    wave_growth: Annotated[float, Field(ge=0, le=MOST_GROWTH)] | None = Field(
        default=None,
        description="With early_stop: a wave is at least this share of the candidates started so far; "
        "default 0, all waves are alike.",
    )
    prune: PruneOptions | None = None
    early_stop: EarlyStopOptions | None = None
    vote: VoteRule = "quality"
    scorer: Scorer | None = Field(
        default=None,
        description="Default: head where the server has one. none: candidates are not scored, and each has "
        "one vote.",
    )
    belief: BeliefOptions | None = Field(
        default=None,
        description="Of the calibrated probability; default: the head's own constants.",
    )
    answer: AnswerOptions = Field(default_factory=AnswerOptions)
    max_total_tokens: Annotated[int, Field(ge=1, le=LARGEST)] | None = Field(
        default=None, description="Cap on the generated tokens of all candidates together."
    )
    deadline_s: Annotated[float, Field(ge=0.1)] | None = Field(
        default=None, description="Answer with the best vote so far after this many seconds."
    )
    zero_temperature: Annotated[float, Field(gt=0, le=2)] | None = Field(
        default=None,
        description="Temperature to sample at where the request says 0, which makes all candidates "
        "the same; default: such a request is refused.",
    )
    returns: Returns = Field(default="summary", alias="return")
    stream: StreamMode = "buffered"


_NESTED: dict[str, type[BaseModel]] = {
    "prune": PruneOptions,
    "early_stop": EarlyStopOptions,
    "answer": AnswerOptions,
    "belief": BeliefOptions,
}
_FLAT = ("prune", "early_stop", "answer")
"""Objects whose keys can be set by headers too."""


def parse_options(merged: Mapping[str, Any]) -> ArrolOptions:
    """Validate an ``arrol`` object. Raises ``InvalidRequest`` naming the first wrong key."""
    try:
        return ArrolOptions.model_validate(dict(merged))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(["arrol", *(str(part) for part in first["loc"])])
        if first["type"] == "extra_forbidden":
            known = known_keys(*first["loc"][:-1])
            hint = nearest(str(first["loc"][-1]), known)
            message = f"Unknown key {clip(path)}.{hint} Known: {', '.join(known)}."
        else:
            message = f"{clip(path)}: {complaint(first)}, got {shown(first['input'])}."
        raise InvalidRequest(message, param=path) from error


def known_keys(*loc: int | str) -> list[str]:
    """The keys of the ``arrol`` object, or of the object at ``loc``, as clients spell them."""
    model = _NESTED.get(str(loc[0]), ArrolOptions) if loc else ArrolOptions
    return [field.alias or name for name, field in model.model_fields.items()]


def flat_places() -> dict[str, tuple[str, ...]]:
    """Flat name -> place in the ``arrol`` object, such as ``keep`` -> ``("prune", "keep")``."""
    places = {key: (outer, key) for outer in _FLAT for key in known_keys(outer)}
    return places | {key: (key,) for key in known_keys() if key not in _NESTED}


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the likeliest spelling, or nothing."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f" Did you mean {close[0]!r}?" if close else ""


def shown(value: object) -> str:
    """A value as JSON writes it, so that "16" is not taken for 16."""
    return clip(json.dumps(value) if isinstance(value, str | bool) else value)


def clip(value: object, limit: int = 80) -> str:
    """A value as it may stand in a message: clients choose it, and it may be huge."""
    if isinstance(value, int) and value.bit_length() > 256:
        return "a huge number"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[:limit] + "..."
