"""The last sentence of a reply that states its answer nowhere else: "Therefore, he makes 3 trips."""

from __future__ import annotations

import re

from arrol_serve.answers.statements.gist import aim
from arrol_serve.answers.statements.statement import Statement, Trust

_SENTENCES = re.compile(r"(?<=[.!?。])[*_]*\s+|\n+")
_OPTION = re.compile(
    r"\b(?:is|are|be) (?:most likely |probably )?(?:option )?\(([A-Z])\)(?=[ .,;:*])"
    r"|\b(?:[Ss]o|[Tt]hus|[Hh]ence|[Tt]herefore|(?:correct|best|right)(?: [a-z]+)? is|[Ii]t must be"
    r"|one that [a-z]+ is|(?:option|choice|answer|letter)),?"
    r" [*(]{0,3}([A-J])[)*]{0,3}[.!]?\W*$"
)
_HENCE = re.compile(
    r"\W*(?:(?:therefore|thus|hence|so|consequently|altogether|in total|also|folglich|deshalb|daher"
    r"|somit|damit"
    r"|insgesamt|por (?:lo )?tanto|por eso|entonces|así que|en total|donc|ainsi|alors|au total|quindi|dunque"
    r"|in totale|portanto|então|assim|dus|därför|więc|zatem|следовательно|итак|таким образом|значит|поэтому"
    r"|всего|jadi|vậy|do đó|bu nedenle|kwa hiyo|hivyo)\b|因此|所以|因而|综上|于是|一共|总共|よって|従って"
    r"|したがって|だから|따라서|그러므로|그래서|ดังนั้น|সুতরাং|অতএব|तो|इसलिए|అందువల్ల|కాబట్టి|إذن|لذلك)",
    re.IGNORECASE,
)
_NO_CLAIM = re.compile(
    r"\b(?:cannot|can(?:'|’)?t|unable|not|no|if|let|please|question|problem|cases?|scenarios?|step|option|equation|part)\b|n['’]t\b|\?",
    re.IGNORECASE,
)
"""Where a number that no verb marks may be anything."""
_CASES = re.compile(r"\bto (?:consider|check)\b|\b(?:cases|scenarios|steps)\b", re.IGNORECASE)
_WINDOW = 600
_NOTED = re.compile(r"<<[^<>\n]{0,80}>>")
"""A calculator's notes in GSM8K."""
_SYMBOLS = " \n✅✓🎯☑∎■□◼🎉\ufe0f"


def find(text: str) -> Statement | None:
    """Only of a reply that came to its end, and where the sentence is about one number."""
    said = _NOTED.sub("", text.rstrip()[-_WINDOW:]).rstrip(_SYMBOLS)
    if not said.rstrip("*_ ").endswith((".", "。", "!")):
        return None
    sentences = [s for s in _SENTENCES.split(said) if s.strip(" *_")]
    if not sentences:
        return None
    last = sentences[-1].strip()
    option = _OPTION.search(last)
    answer = option[1] or option[2] if option else None
    if answer is None and not _CASES.search(last):
        alone = (len(sentences) == 1 or bool(_HENCE.match(last))) and not _NO_CLAIM.search(last)
        answer = aim(last.rstrip("*_ ")[:-1], alone)
    if answer is None:
        return None
    start = len(text.rstrip()) - len(last)
    return Statement(start, len(text), answer, "the last sentence", Trust.ALONE)
