"""What is read where it is, without a trip to a worker process.

Reading takes time linear in the text, tens of microseconds a thousand characters, and comparing plain
forms takes less; pickling a text to another process and back takes longer. So texts up to ``MAX_PLAIN``
characters are read in the caller's thread. Not so long texts, a user's pattern over more than a little
text (RE2's ``finditer`` is quadratic at worst), and sympy.
"""

from __future__ import annotations

from arrol_serve.answers.spec import AnswerSpec

MAX_PLAIN = 20_000
MAX_PATTERN_TEXT = 2_000


def is_plain(settled: str, spec: AnswerSpec) -> bool:
    """Whether reading ``settled`` takes next to no time."""
    return len(settled) <= (MAX_PATTERN_TEXT if spec.extract == "regex" else MAX_PLAIN)
