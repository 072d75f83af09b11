"""``exact``: spellings compared without what never carries meaning."""

from __future__ import annotations

import re
from functools import lru_cache

_NOISE = re.compile(
    r"\\(?:left|right|displaystyle)(?![A-Za-z])|(?<!\\)\\[,!;:()\[\] ]|(?<!\\)\$|\\\$"
)
_TEXT = re.compile(r"\\(?:text|mathrm|mathbf|textbf|textit|mbox)\{([^{}]*)\}")
_LOOSE_SPACE = re.compile(r"(?<![0-9A-Za-z]) | (?![0-9A-Za-z])")
_SHORT_FRACTION = re.compile(r"\\frac ?(\d) ?(\d)")
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:(?:,|\{,\})\d{3})+(?:\.\d+)?%?")
_LETTER = re.compile(r"\(?([A-Z])\)?")


@lru_cache(maxsize=4096)
def normalise(answer: str) -> str:
    """One spelling for spaces, dollars, sizing, a final full stop. JSON stays: its strings are data."""
    if is_json(answer):
        return answer
    text = " ".join(_NOISE.sub("", _TEXT.sub(r"\1", answer)).split())
    text = _LOOSE_SPACE.sub("", text).rstrip(".").replace("\N{MINUS SIGN}", "-")
    text = text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").replace("\\%", "%")
    text = _SHORT_FRACTION.sub(r"\\frac{\1}{\2}", text)
    if _GROUPED.fullmatch(text):
        text = re.sub(r"[,{}]", "", text)
    letter = _LETTER.fullmatch(text)
    return letter.group(1) if letter else text


def is_json(answer: str) -> bool:
    """Whether it is an object or array with strings in it: ``[0,1]`` may be an interval."""
    return answer[:1] in ("{", "[") and '"' in answer
