"""What is read where it is, without a trip to a worker process.

Reading takes time linear in the text, a tenth of a millisecond for an ordinary reply, and looks at a
bounded number of places, so that no text of ``MAX_PLAIN`` characters takes more than some tens of
milliseconds (``test_hostile.py``). Pickling it to another process and back takes longer. So it is read in
the caller's thread. Not so long texts, a user's pattern over more than a little text (RE2's ``finditer``
is quadratic at worst), and sympy.
"""

from __future__ import annotations

from arrol_serve.answers.spec import AnswerSpec

MAX_PLAIN = 8_000
MAX_PATTERN_TEXT = 2_000


def is_plain(settled: str, spec: AnswerSpec) -> bool:
    """Whether reading ``settled`` takes next to no time."""
    return len(settled) <= (MAX_PATTERN_TEXT if spec.extract == "regex" else MAX_PLAIN)
