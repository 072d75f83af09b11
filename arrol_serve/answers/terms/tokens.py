"""The words of a formula, LaTeX's or plain."""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_TOKENS = 250
_NAMES = [
    "arcsin",
    "arccos",
    "arctan",
    "arccot",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "sin",
    "cos",
    "tan",
    "cot",
    "sec",
    "csc",
    "log",
    "ln",
    "lg",
    "exp",
    "sqrt",
    "cbrt",
    "pi",
    "infinity",
    "binom",
    "abs",
    "floor",
    "ceil",
]
_TOKEN = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    rf"|\\?(?P<name>(?:{'|'.join(_NAMES)})(?![A-Za-z]))"
    r"|\\(?P<command>[A-Za-z]+)"
    r"|(?P<letter>[A-Za-z])"
    r"|(?P<sign>\*\*|\\[{}|]|[-+*/^_=!()\[\]{}|°%])"
    r"|(?P<space>\s+)"
)
_GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "rho",
        "sigma",
        "tau",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Sigma",
        "Phi",
        "Psi",
        "Omega",
        "ell",
        "hbar",
    ]
)
_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{4,}")


class NotTerm(ValueError):
    """The text is no formula that can be evaluated."""


class Token(NamedTuple):
    """``kind``: number, name (a function or constant), command, var or sign."""

    kind: str
    text: str
    spaced: bool
    """Whether a space stands before it."""


def tokens(text: str) -> list[Token]:
    """Raises ``NotTerm`` for words, and for what is longer than ``MAX_TOKENS``."""
    for word in _WORD.findall(text):
        if word not in _NAMES:
            raise NotTerm(f"{word} is a word")
    found: list[Token] = []
    at, spaced = 0, False
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or len(found) >= MAX_TOKENS:
            raise NotTerm(text[at : at + 20])
        at, kind = match.end(), match.lastgroup or ""
        if kind == "space":
            spaced = True
            continue
        found.append(_token(kind, match[kind], spaced))
        spaced = False
    return found


def _token(kind: str, text: str, spaced: bool) -> Token:
    if kind == "letter" or (kind == "command" and text in _GREEK):
        return Token("var", text, spaced)
    if kind == "sign":
        text = {"**": "^", r"\{": "(", r"\}": ")", r"\|": "|"}.get(text, text)
    return Token(kind, text, spaced)
