"""``--answer``: how replies are read, by the names that the server has for it."""

from __future__ import annotations

from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.answers.spec_text import FORMS, spec_of
from arrol_serve.errors import InvalidRequest
from trainer.errors import DataError

__all__ = ["FORMS", "parse_answer"]


def parse_answer(text: str) -> AnswerSpec:
    """``auto``, ``number``, ``regex:PATTERN`` and so on. Raises ``DataError``."""
    try:
        return spec_of(text)
    except InvalidRequest as error:
        raise DataError(f"--answer {text}: {error}") from error
