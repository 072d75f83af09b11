"""``--answer``: how replies are read."""

from __future__ import annotations

from typing import Any, get_args

from arrol_serve.answers.spec import AnswerSpec, Extract
from arrol_serve.errors import InvalidRequest
from trainer.errors import DataError

WITH_VALUE = {"regex": "regex", "json": "json_pointer"}
PLAIN = {name: name for name in get_args(Extract) if name != "regex"} | {"latex": "boxed"}
"""The names of ``arrol.answer.extract``, and an older one."""
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
