"""How answers are read and compared; travels to the worker processes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from arrol_serve.errors import InvalidRequest

Extract = Literal["auto", "boxed", "number", "choice", "regex", "json", "tool"]
Equivalence = Literal["math", "exact"]
MAX_REGEX = 500


@dataclass(frozen=True, slots=True)
class AnswerSpec:
    """``regex`` belongs to ``extract="regex"``, ``json_pointer`` (RFC 6901) to ``"json"``.

    Raises ``InvalidRequest`` for a combination that could not take effect.
    """

    extract: Extract = "auto"
    regex: str | None = None
    json_pointer: str | None = None
    equivalence: Equivalence = "math"

    def __post_init__(self) -> None:
        if (self.regex is not None) != (self.extract == "regex"):
            _refuse("regex", 'give "regex" together with "extract": "regex", and only then')
        if self.regex is not None:
            _check_regex(self.regex)
        if self.json_pointer is not None and self.extract != "json":
            _refuse("json_pointer", 'it needs "extract": "json"')
        if self.json_pointer and not self.json_pointer.startswith("/"):
            _refuse("json_pointer", 'it must be empty or start with "/" (RFC 6901)')


def _check_regex(pattern: str) -> None:
    if len(pattern) > MAX_REGEX:
        _refuse("regex", f"it may have at most {MAX_REGEX} characters")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        _refuse("regex", f"it does not compile: {error}")


def _refuse(field: str, why: str) -> None:
    raise InvalidRequest(f"arrol.answer.{field}: {why}.", param=f"arrol.answer.{field}")
