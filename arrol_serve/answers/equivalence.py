"""Whether two answers say the same. Pure, but sympy can run for ever: see ``pool``."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any

from arrol_serve.answers.spec import Equivalence

# It warns on every call that its SIGALRM time-outs are off; they work on main threads only.
logging.getLogger("math_verify").setLevel(logging.ERROR)

_NOISE = re.compile(r"\\(?:left|right|displaystyle|,|!|;|:|\s)|\\text\{\s*\}|[$\s]")
_PLAIN = re.compile(r"-?\d{1,15}")
_LETTER = re.compile(r"\(?[A-J]\)?")


def normalise(answer: str) -> str:
    """Strips what never carries meaning: spaces, dollars, sizing commands, a final full stop."""
    text = _NOISE.sub("", answer).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
    text = re.sub(r"\\(?:text|mathrm|mathbf|textbf)\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"(?<=\d)(?:,|\{,\})(?=\d{3}(?:\D|$))", "", text)
    return text.rstrip(".").strip()


def equivalent(a: str, b: str, how: Equivalence = "math") -> bool:
    """Same answer. ``exact`` compares normalised strings; ``math`` asks math-verify, both ways.

    math-verify reads its second argument more freely than its first, so either order may hold.
    Answers that do not parse are the same only if their normalised strings are.
    """
    first, second = normalise(a), normalise(b)
    if first == second:
        return True
    if how == "exact" or _as_they_stand(first, second):
        return False
    return _verify(_parse(first), _parse(second)) or _verify(_parse(second), _parse(first))


def _as_they_stand(a: str, b: str) -> bool:
    """Integers, letters and JSON need no algebra: different strings are different answers."""
    if _PLAIN.fullmatch(a) and _PLAIN.fullmatch(b):
        return int(a) != int(b)
    return any(_LETTER.fullmatch(x) or x[:1] in ("{", "[") and '"' in x for x in (a, b))


@lru_cache(maxsize=2048)
def _parse(answer: str) -> Any:
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

    return parse(
        f"${answer}$",
        extraction_config=[LatexExtractionConfig(), ExprExtractionConfig()],
        parsing_timeout=None,  # type: ignore[arg-type]
    )


def _verify(gold: Any, answer: Any) -> bool:
    from math_verify import verify

    return bool(gold) and bool(answer) and bool(verify(gold, answer, timeout_seconds=None))


def parses(answer: str) -> bool:
    """Whether math-verify makes something of ``answer``."""
    return bool(_parse(normalise(answer)))
