"""The last sentence of a reply that states its answer nowhere else: "Therefore, he makes 3 trips."""

from __future__ import annotations

import re

from arrol_serve.answers.statements.gist import aim
from arrol_serve.answers.statements.statement import Statement, Trust

_SENTENCES = re.compile(r"(?<=[.!?。])[*_]*\s+|\n+")
_OPTION = re.compile(
    r"\b(?:is|are|be) (?:most likely |probably )?(?:option )?\(([A-Z])\)(?=[ .,;:*])"
)
_HENCE = re.compile(
    r"\W*(?:therefore|thus|hence|so|consequently|also|folglich|por (?:lo )?tanto"
    r"|donc|quindi|portanto|因此|所以|следовательно)\b",
    re.IGNORECASE,
)
_WINDOW = 600


def find(text: str) -> Statement | None:
    """Only of a reply that came to its end, and where the sentence is about one number."""
    said = text.rstrip()[-_WINDOW:]
    if not said.rstrip("*_ ").endswith((".", "。", "!")):
        return None
    sentences = [s for s in _SENTENCES.split(said) if s.strip(" *_")]
    if not sentences:
        return None
    last = sentences[-1].strip()
    option = _OPTION.search(last)
    answer = option[1] if option else None
    if answer is None and (len(sentences) > 1 or _HENCE.match(last)):
        answer = aim(last.rstrip("*_ ")[:-1])
    if answer is None:
        return None
    start = len(text.rstrip()) - len(last)
    return Statement(start, len(text), answer, "the last sentence", Trust.ALONE)
