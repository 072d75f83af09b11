"""Whether two answers say the same. Pure, but sympy can run for ever: see ``pool``."""

from __future__ import annotations

import logging
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

from arrol_serve.answers.spec import Equivalence

# It warns that its time-outs are off. They use SIGALRM, which works on main threads only.
logging.getLogger("math_verify").setLevel(logging.ERROR)

_NOISE = re.compile(r"\\(?:left|right|displaystyle)(?![A-Za-z])|\\[,!;:()\[\] ]|(?<!\\)\$|\\\$")
_TEXT = re.compile(r"\\(?:text|mathrm|mathbf|textbf|textit|mbox)\{([^{}]*)\}")
_LOOSE_SPACE = re.compile(r"(?<![0-9A-Za-z]) | (?![0-9A-Za-z])")
_SHORT_FRACTION = re.compile(r"\\frac ?(\d) ?(\d)")
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:(?:,|\{,\})\d{3})+(?:\.\d+)?%?")
_LETTER = re.compile(r"\(?([A-J])\)?")
_WORDS = re.compile(r"[^\W\d_]{3,}(?:[ '-][^\W\d_]+)*|[^\W\d_]+(?:[ '-][^\W\d_]+)+")
_DECIMAL = re.compile(r"[-+]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[eE][-+]?\d{1,2})?")
_RATIO = re.compile(
    r"(?P<sign>[-+]?)(?:(?P<whole>\d{1,300}) ?(?=\\| ))? ?"
    r"(?:(?P<n>\d{1,300})/(?P<d>\d{1,300})|\\frac\{(?P<tn>\d{1,300})\}\{(?P<td>\d{1,300})\})"
)


@lru_cache(maxsize=4096)
def normalise(answer: str) -> str:
    """One spelling for what never carries meaning: spaces, dollars, sizing, a final full stop.

    JSON stays as it is: it comes in canonical form, and its strings are data.
    """
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


def equivalent(a: str, b: str, how: Equivalence = "math") -> bool:
    """Same answer. ``exact`` compares normalised strings; ``math`` asks math-verify, both ways.

    math-verify is asymmetric (it unwraps ``x = 5`` and turns inequalities into intervals for one
    side only); here either order will do, so the relation is symmetric. It is not transitive:
    50% equals both 50 and 0.5. JSON, choice letters and words compare as strings, plain numbers
    as fractions; so does what math-verify cannot parse. Never raises.
    """
    first, second = normalise(a), normalise(b)
    if first == second:
        return True
    if how == "exact" or any(is_json(x) or _LETTER.fullmatch(x) for x in (first, second)):
        return False
    if _WORDS.fullmatch(first) or _WORDS.fullmatch(second):  # "listen" = "silent" as products
        return first.casefold() == second.casefold()
    x, y = as_fraction(first), as_fraction(second)
    if x is not None and y is not None:
        return x == y or (is_rounded(first, second) and _close(x, y))
    return _verify(_parse(a), _parse(b)) or _verify(_parse(b), _parse(a))


def as_fraction(form: str) -> Fraction | None:
    r"""The value of a normalised plain number: ``-3.5``, ``1e5``, ``1/2``, ``2\frac{1}{2}``."""
    if _DECIMAL.fullmatch(form):
        return Fraction(form)
    ratio = _RATIO.fullmatch(form)
    if not ratio:
        return None
    over, under = int(ratio["n"] or ratio["tn"]), int(ratio["d"] or ratio["td"])
    if under == 0:
        return None
    value = int(ratio["whole"] or 0) + Fraction(over, under)
    return -value if ratio["sign"] == "-" else value


def is_rounded(*forms: str) -> bool:
    """Whether one is written as a decimal, and so may have been rounded."""
    return any("." in form for form in forms)


def _close(x: Fraction, y: Fraction) -> bool:
    """Equal to the 6 decimals math-verify looks at, but never 1e-7 = 2e-7."""
    gap = abs(x - y)
    return gap <= Fraction(1, 2_000_000) and gap <= max(abs(x), abs(y)) / 100_000


@lru_cache(maxsize=2048)
def _parse(answer: str) -> Any:
    """What math-verify reads in ``answer``; an empty list if nothing.

    LaTeX only: its other reader picks any number out of what it cannot parse.
    """
    from math_verify import LatexExtractionConfig, parse

    bare = " ".join(_NOISE.sub(" ", answer).split()).rstrip(".").replace("\N{MINUS SIGN}", "-")
    found = parse(
        f"${bare}$",
        extraction_config=[LatexExtractionConfig()],
        parsing_timeout=None,
    )
    return [value for value in found if not isinstance(value, str)]


def _verify(gold: Any, answer: Any) -> bool:
    from math_verify import verify

    return bool(gold) and bool(answer) and bool(verify(gold, answer, timeout_seconds=None))


def readable(answer: str) -> bool:
    """Whether ``math`` can do more with ``answer`` than compare its letters."""
    form = normalise(answer)
    if is_json(form) or _LETTER.fullmatch(form) or _WORDS.fullmatch(form):
        return True
    return as_fraction(form) is not None or bool(_parse(answer))
