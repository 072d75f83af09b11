"""``--answer``: how replies are read."""

from __future__ import annotations

from typing import Any

from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.errors import InvalidRequest
from trainer.errors import DataError

PLAIN = {"auto": "auto", "latex": "boxed", "boxed": "boxed", "number": "number", "choice": "choice"}
WITH_VALUE = {"regex": "regex", "json": "json_pointer"}
FORMS = f"{', '.join(PLAIN)}, regex:PATTERN, json:POINTER"


def parse_answer(text: str) -> AnswerSpec:
    """``auto``, ``number``, ``regex:PATTERN`` and so on. Raises ``DataError``."""
    kind, colon, value = text.partition(":")
    fields: dict[str, Any]
    if kind in WITH_VALUE and colon:
        fields = {"extract": kind, WITH_VALUE[kind]: value}
    elif text in PLAIN:
        fields = {"extract": PLAIN[text]}
    else:
        raise DataError(f"--answer {text}: it must be one of {FORMS}")
    try:
        return AnswerSpec(**fields)
    except InvalidRequest as error:
        raise DataError(f"--answer {text}: {error}") from error
