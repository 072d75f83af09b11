"""Yes and no, words and phrases: compared without case, quotes and final marks."""

from __future__ import annotations

import re

from arrol_serve.answers.kinds.form import Form, Key

_YES = frozenset(
    [
        "yes",
        "true",
        "ja",
        "sí",
        "si",
        "oui",
        "sim",
        "да",
        "是",
        "对",
        "はい",
        "예",
        "네",
        "evet",
        "tak",
    ]
)
_NO = frozenset(
    [
        "no",
        "false",
        "nein",
        "non",
        "não",
        "нет",
        "否",
        "不是",
        "いいえ",
        "아니요",
        "아니오",
        "hayır",
        "nie",
    ]
)
_SAME = {
    "dne": "does not exist",
    "doesn't exist": "does not exist",
    **dict.fromkeys(
        ["no solutions", "there is no solution", "there are no solutions"], "no solution"
    ),
    **dict.fromkeys(["no real solutions", "no real roots", "no real root"], "no real solution"),
    "infinitely many solutions": "infinitely many",
    "undef": "undefined",
}
"""Ways to say that there is nothing to name."""
_ALSO: dict[str, tuple[Key, ...]] = {
    "no solution": (("set", ()),),
    "no real solution": (("set", ()),),
}
_EDGE = "\"'`*_.,;:!?“”‘’«»「」()[] "
_SPACES = re.compile(r"\s+")
_WORDY = re.compile(r"[^\W\d_]{2,}|[^\W\d_][ ][^\W\d_]")


def yes_or_no(text: str) -> Form | None:
    word = text.strip(_EDGE).casefold()
    for shown, words in (("yes", _YES), ("no", _NO)):
        if word in words:
            return Form("yes-no", ("word", shown), shown)
    return None


def read(text: str) -> Form | None:
    """``text`` is clean, and no mathematics."""
    if not _WORDY.search(text) and text.isascii():
        return None
    if "\\" in text or re.search(r"[=^<>{}|]", text):
        return None
    return spelt(text)


def spelt(text: str) -> Form:
    """Anything, by its letters."""
    plain = _SPACES.sub(" ", text).strip()
    bare = plain.strip(_EDGE) if plain.count("(") == plain.count(")") else plain
    bare = (bare or plain).casefold()
    bare = re.sub(r"^(?:the|an?)[ ](?=\w{3})", "", bare)
    bare = _SAME.get(bare, bare)
    return Form("words", ("word", bare), bare, _ALSO.get(bare, ()))
