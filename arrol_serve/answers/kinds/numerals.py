"""Numbers in English words: ``seventeen``, ``two hundred and five``, ``first``."""

from __future__ import annotations

import re
from fractions import Fraction

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
)
_ROUND = "twenty thirty forty fifty sixty seventy eighty ninety"
_NTH = "first - third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_ONES = {word: n for n, word in enumerate(_SMALL.split())}
_TENS = {word: 10 * n for n, word in enumerate(_ROUND.split(), start=2)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
          "ninth": 9, "tenth": 10, "hundredth": 100}  # fmt: skip
_PART = re.compile(
    rf"(?:(?P<whole>.+?)[ ]and[ ])?(?:(?P<over>[a-z]+)[ -])?(?P<part>{'|'.join(_PARTS)}|halve)s?"
)
ORDINALS = {word: n for n, word in enumerate(_NTH.split(), start=1) if word != "-"}
"""A second is also a time."""
MAX_WORDS = 16


def spoken(text: str) -> Fraction | None:
    """``seventeen``, ``two thirds``, ``one and a half``; a lone ``third`` is none."""
    whole = cardinal(text)
    if whole is not None:
        return Fraction(whole)
    found = _PART.fullmatch(text.casefold())
    if not found or not (found["over"] or found["part"] == "half"):
        return None
    over = cardinal(found["over"]) if found["over"] not in (None, "a") else 1
    added = cardinal(found["whole"]) if found["whole"] else 0
    if over is None or added is None:
        return None
    return added + Fraction(over, _PARTS.get(found["part"], 2))


def cardinal(text: str) -> int | None:
    """``text`` as a number, None if it is none."""
    words = text.casefold().replace("-", " ").split()
    if not words or len(words) > MAX_WORDS or words[0] == "and" or words[-1] in ("and", "a"):
        return None
    sign = -1 if words[0] in ("minus", "negative") else 1
    total, part, scale = 0, None, 10**15
    for word in words[1:] if sign < 0 else words:
        if word in _SCALES and part and _SCALES[word] < scale:
            scale = _SCALES[word]
            total, part = total + part * scale, None
            continue
        part = _with(part, word)
        if part is None and word != "and":
            return None
        if word == "and" and part is None and not total:
            return None
    return sign * (total + (part or 0)) if part is not None or total else None


def _with(part: int | None, word: str) -> int | None:
    """The number below a thousand that ``word`` adds to; None: it does not fit there."""
    so_far = part or 0
    if word == "and":
        return part
    if word == "a" and part is None:
        return 1
    if word == "hundred" and part and 0 < part < 100:
        return 100 * part
    if word == "hundred" and part is None:
        return 100
    if word in _TENS and so_far % 100 == 0:
        return so_far + _TENS[word]
    one = _ONES.get(word)
    if one is None or (part is not None and (not one or so_far % 10 or (so_far % 100 and one > 9))):
        return None
    return so_far + one if part is None or so_far % 100 == 0 or so_far % 100 >= 20 else None
