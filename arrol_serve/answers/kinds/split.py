"""Parts of an answer at the top level: between commas, signs or words that stand in no bracket."""

from __future__ import annotations

import re

_OPEN = {"(": ")", "[": "]", "{": "}"}
_CLOSERS = frozenset(")]}")
_SEPARATOR = re.compile(
    r",[ ]|;[ ]?|[ ]and[ ]|[ ]or[ ]|[ ]und[ ]|[ ]oder[ ]|[ ]et[ ]|[ ]ou[ ]"
    r"|(?<=[0-9A-Za-z)}\]])[ ]?(?:或者?|和|以及|及)[ ]?(?=[-(\[\\0-9A-Za-z])"
    r"|(?<=[\w)])[ ]y[ ](?=[-(\[]?[0-9]|[A-Z](?![^\W_])|[^\W\d_]{2}|[a-z][ ]?=)"
)
_GROUP = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
_WORD = re.compile(r"[^\W\d_]{4}")
_AND = re.compile(r"^(?:and|or|und|y(?![ ]?[=<>+*/^\\-])|et)[ ]", re.IGNORECASE)
MAX_PARTS = 100


def depths(text: str) -> list[int] | None:
    """The bracket depth before each character; None where brackets do not match up as a count."""
    found, depth = [], 0
    for i, char in enumerate(text):
        if char in _CLOSERS and not (char in ")]" and depth == 0):
            depth -= 1
        found.append(depth)
        if char in _OPEN:
            depth += 1
        if depth < 0 or (i > 20_000):
            return None
    return found if depth == 0 else None


def parts(text: str) -> list[str] | None:
    """``text`` at its top-level commas or "and"; a comma without a space splits where no other does.

    None: it has one part only, or brackets that do not match.
    """
    deep = depths(text)
    if deep is None:
        return None
    cuts = [(m.start(), m.end()) for m in _SEPARATOR.finditer(text) if not deep[m.start()]]
    if not any(text[a] in ",;" for a, _ in cuts):
        groups = {m.start() for m in _GROUP.finditer(text)} if _WORD.search(text) else set()
        cuts += [
            (i, i + 1) for i, c in enumerate(text) if c == "," and not deep[i] and i not in groups
        ]
        cuts.sort()
    if not cuts or len(cuts) >= MAX_PARTS:
        return None
    found, at = [], 0
    for start, end in cuts:
        found.append(text[at:start])
        at = end
    found = [_AND.sub("", part.strip()) for part in (*found, text[at:])]
    return found if all(found) else None


def enclosed(text: str) -> tuple[str, str, str] | None:
    """Opening bracket, content and closing bracket, where one pair holds all of ``text``."""
    left = text[:2] if text[:2] == r"\{" else text[:1]
    right = text[-2:] if text[-2:] == r"\}" else text[-1:]
    if left.lstrip("\\") not in ("(", "[", "{") or right.lstrip("\\") not in (")", "]", "}"):
        return None
    depth = 0
    for i, char in enumerate(text):
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth == 0 and i < len(text) - 1:
                return None
    return (left, text[len(left) : -len(right)].strip(), right) if depth == 0 else None


def at_top(text: str, pattern: re.Pattern[str]) -> list[str]:
    """``text`` cut at the matches of ``pattern`` that stand in no bracket."""
    deep = depths(text)
    if deep is None:
        return [text]
    found, at = [], 0
    for match in pattern.finditer(text):
        if not deep[match.start()]:
            found.append(text[at : match.start()].strip())
            at = match.end()
    return [*found, text[at:].strip()]
