"""Numbers in English words, zero to a hundred and the round ones."""

from __future__ import annotations

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_NTH = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
]


def _cardinals() -> dict[str, int]:
    found = {word: i for i, word in enumerate(_ONES)}
    for i, ten in enumerate(_TENS, start=2):
        found[ten] = 10 * i
        for j, one in enumerate(_ONES[1:10], start=1):
            found[f"{ten}-{one}"] = found[f"{ten} {one}"] = 10 * i + j
    for word, value in (("hundred", 100), ("thousand", 1000), ("million", 10**6)):
        found[word] = found[f"one {word}"] = found[f"a {word}"] = value
    return found


CARDINALS = _cardinals()
ORDINALS = {word: i for i, word in enumerate(_NTH, start=1) if word != "second"}
