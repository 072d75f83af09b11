"""How answers are read and compared; travels to the worker processes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from arrol_serve.answers.pattern import compiled
from arrol_serve.errors import InvalidRequest

Extract = Literal["auto", "boxed", "number", "choice", "regex", "json", "tool", "code"]
Equivalence = Literal["math", "exact"]
MAX_PATTERN = 500
"""Characters of a regex or a JSON pointer."""


@dataclass(frozen=True, slots=True)
class AnswerSpec:
    """``regex`` belongs to ``extract="regex"``, ``json_pointer`` (RFC 6901) to ``"json"``.

    Raises ``InvalidRequest`` naming the field for a combination that could not take effect.
    """

    extract: Extract = "auto"
    regex: str | None = None
    json_pointer: str | None = None
    equivalence: Equivalence = "math"

    def __post_init__(self) -> None:
        if self.extract not in get_args(Extract):
            _refuse("extract", f"it must be one of {', '.join(get_args(Extract))}")
        if self.equivalence not in get_args(Equivalence):
            _refuse("equivalence", f"it must be one of {', '.join(get_args(Equivalence))}")
        if (self.regex is not None) != (self.extract == "regex"):
            _refuse("regex", 'give "regex" together with "extract": "regex", and only then')
        if self.regex is not None:
            _check_regex(self.regex)
        if self.json_pointer is not None:
            if self.extract != "json":
                _refuse("json_pointer", 'it needs "extract": "json"')
            _check_pointer(self.json_pointer)


def _check_regex(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN:
        _refuse("regex", f"it may have at most {MAX_PATTERN} characters")
    try:
        compiled(pattern)
    except ValueError as error:
        _refuse("regex", f"it does not compile: {error}")


def _check_pointer(pointer: str) -> None:
    if len(pointer) > MAX_PATTERN:
        _refuse("json_pointer", f"it may have at most {MAX_PATTERN} characters")
    if pointer and not pointer.startswith("/"):
        _refuse("json_pointer", 'it must be empty or start with "/" (RFC 6901)')
    if re.search(r"~(?![01])", pointer):
        _refuse("json_pointer", '"~" must be written "~0", and "/" inside a key "~1" (RFC 6901)')


def _refuse(field: str, why: str) -> None:
    raise InvalidRequest(f"arrol.answer.{field}: {why}.", param=f"arrol.answer.{field}")
