"""Text to answer, where nothing else is asked."""

from __future__ import annotations

from arrol_serve.answers.reading import read
from arrol_serve.answers.spec import AnswerSpec


def extract(text: str, spec: AnswerSpec) -> str | None:
    """The answer that ``text`` settles on, or None. Where several are stated the last counts."""
    return read(text, spec).answer
