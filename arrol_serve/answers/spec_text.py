"""How replies are read, in one word: ``auto``, ``choice``, ``json:/answer``, ``regex:PATTERN``."""

from __future__ import annotations

from typing import Any, get_args

from arrol_serve.answers.spec import AnswerSpec, Extract
from arrol_serve.errors import InvalidRequest

WITH_VALUE = {"regex": "regex", "json": "json_pointer"}
PLAIN = {name: name for name in get_args(Extract) if name != "regex"} | {"latex": "boxed"}
"""The names of ``arrol.answer.extract``, and an older one."""
FORMS = f"{', '.join(PLAIN)}, regex:PATTERN, json:POINTER"


def spec_of(text: str, equivalence: str = "math") -> AnswerSpec:
    """Raises ``InvalidRequest``."""
    kind, colon, value = text.partition(":")
    fields: dict[str, Any] = {"equivalence": equivalence}
    if kind in WITH_VALUE and colon:
        fields |= {"extract": kind, WITH_VALUE[kind]: value}
    elif text in PLAIN:
        fields["extract"] = PLAIN[text]
    else:
        raise InvalidRequest(f"{text}: it must be one of {FORMS}", param="extract")
    return AnswerSpec(**fields)
