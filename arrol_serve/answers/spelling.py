r"""One spelling for what carries no meaning: Unicode's many digits, dashes and spaces, LaTeX's dress.

``clean`` is what every kind of answer is read from. Linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_ANSWER = 4_000
"""Characters of an answer that are looked at by more than its spelling."""

_SYMBOLS = {
    "−": "-", "‐": "-", "‑": "-", "–": "-", "﹣": "-", "×": r"\times ", "⋅": r"\cdot ",
    "·": r"\cdot ", "∙": r"\cdot ", "÷": r"\div ", "±": r"\pm ", "∓": r"\mp ", "π": r"\pi ",
    "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ",
    "≈": r"\approx ", "∪": r"\cup ", "∩": r"\cap ", "∅": r"\emptyset ", "∈": r"\in ",
    "√": r"\sqrt ", "∛": r"\sqrt[3]", "∜": r"\sqrt[4]", "°": r"^\circ ", "º": r"^\circ ",
    "′": "'", "‘": "'", "’": "'", "“": '"', "”": '"', "…": r"\ldots ", "⋯": r"\ldots ",
    "ℝ": r"\mathbb{R}", "∶": ":", "：": ":", "⁄": "/", "∕": "/", "→": r"\to ", "。": ".",
    "⟨": r"\langle ", "⟩": r"\rangle ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "≡": r"\equiv ", "″": '"',
    "￥": "¥", "µ": r"\mu ", "「": '"', "」": '"', "、": ", ", "，": ", ", "；": "; ",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta",
    "λ": "lambda", "μ": "mu", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega",
    "Δ": "Delta", "Ω": "Omega",
}  # fmt: skip
_RAISED = {**dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿ", "0123456789+-()n", strict=True)), "ⁱ": "i"}
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₍₎", "0123456789+-()", strict=True))
_VULGAR = re.compile("([0-9]?)[ ]?([¼-¾⅐-⅞↉])")
_RUN_RAISED = re.compile(f"[{''.join(_RAISED)}]+")
_RUN_LOWERED = re.compile(f"[{''.join(_LOWERED)}]+")
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe0e\ufe0f\ufeff\x00]"
)

_ROW = "\ue000"  # stands for LaTeX's row break while single backslashes are looked at
_SPACING = re.compile(
    r"\\[,!;:> ]|\\color\{[A-Za-z]+\}|\\(?:quad|qquad|thinspace|enspace|displaystyle|textstyle|limits|strut"
    r"|left|right|[bB]igg?[lrm]?|middle)(?![A-Za-z])(?:\.(?![0-9]))?|(?<!\\)~"
)
_DRESS = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|up|normal)?|math(?:rm|bf|it|sf|tt|normal|cal)|mbox|hbox|emph"
    r"|vec|overrightarrow|operatorname\*?|bold(?:symbol)?|bm|underline|boxed|fbox|color\{[a-z]+\}"
    r"|phantom)[ ]?"
    r"\{([^{}]*)\}"
)
_SAME = (
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\(?:leq(?:slant)?|leqq)(?![A-Za-z])"), r"\\le"),
    (re.compile(r"\\(?:geq(?:slant)?|geqq)(?![A-Za-z])"), r"\\ge"),
    (re.compile(r"\\neq(?![A-Za-z])"), r"\\ne"),
    (re.compile(r"\\(?:varnothing|empty)(?![A-Za-z])"), r"\\emptyset"),
    (re.compile(r"\\(?:c|l|d)?dots(?:c|b|o|m)?(?![A-Za-z])"), r"\\ldots"),
    (re.compile(r"\\[dt]binom(?![A-Za-z])"), r"\\binom"),
    (re.compile(r"\{([^{}]{1,20})\\choose(?![A-Za-z])([^{}]{1,20})\}"), r"\\binom{\1}{\2}"),
    (re.compile(r"(?:\{\})?_\{?([0-9]+|[a-z])\}? ?C_\{?([0-9]+|[a-z])\}?"), r"\\binom{\1}{\2}"),
    (re.compile(r"\\(?:lor|vee)(?![A-Za-z])"), " or "),
    (re.compile(r"(?<![A-Za-z\\])C\(([0-9]{1,4}), ?([0-9]{1,4})\)"), r"\\binom{\1}{\2}"),
    (re.compile(r"\\lt(?![A-Za-z])"), "<"),
    (re.compile(r"\\gt(?![A-Za-z])"), ">"),
    (re.compile(r"\^\{?[ ]?\\(?:circ|degree)(?![A-Za-z])[ ]?\}?|\\degree(?![A-Za-z])"), "°"),
    (re.compile(r"\\var(epsilon|theta|phi|rho|sigma)(?![A-Za-z])"), r"\\\1"),
    (re.compile(r"\\(?:lvert|rvert|vert)(?![A-Za-z])"), "|"),
    (re.compile(r"\\[()\[\]](?![A-Za-z])"), " "),
)
_VECTOR = re.compile(r"\\langle[ ]?([^<>\\|]*,[^<>|]*?)[ ]?\\rangle")
_BOLD = re.compile(r"\*\*([^*]+)\*\*([.:]?)")
_CURRENCY = re.compile(r"\\?\$[ ]?(?=[-+]?[.]?[0-9])")


@lru_cache(maxsize=4096)
def clean(answer: str) -> str:
    r"""``answer`` with ASCII digits and signs, bare LaTeX, single spaces; ``$5`` becomes ``USD 5``."""
    text = ascii_signs(answer[:MAX_ANSWER])
    if r"\begin" not in text:
        text = re.sub(r"\\\\(?=[A-Za-z]{2})", r"\\", text)  # escaped twice
    text = re.sub(r"\\\\(?:\[[^\]\n]{0,12}\])?|\\cr(?![A-Za-z])", _ROW, text)
    text = _currency(text)
    for pattern, plain in _SAME:
        text = pattern.sub(plain, text)
    text = _SPACING.sub(" ", text)
    text = undressed(text).replace(r"\%", "%").replace(r"\_", "_").replace(r"\#", "#")
    text = " ".join(text.split()).replace("{,}", ",")
    text = _BOLD.sub(r"\1", text) if text.startswith("**") else text
    text = _VECTOR.sub(r"(\1)", text)
    return _without_end(text).replace(_ROW, r"\\")


def ascii_signs(text: str) -> str:
    """Unicode's digits, dashes, fractions, powers, roots and full-width letters as ASCII or LaTeX."""
    if text.isascii():
        return text.replace("\x00", "")
    text = _INVISIBLE.sub("", text)
    text = _VULGAR.sub(_vulgar, text)
    text = _RUN_RAISED.sub(lambda m: "^{" + "".join(_RAISED[c] for c in m[0]) + "}", text)
    text = _RUN_LOWERED.sub(lambda m: "_{" + "".join(_LOWERED[c] for c in m[0]) + "}", text)
    return "".join(map(_plain, text))


@lru_cache(maxsize=4096)
def _plain(char: str) -> str:
    if char.isascii():
        return char
    if char in _SYMBOLS:
        return _SYMBOLS[char]
    if char in _GREEK:
        return f"\\{_GREEK[char]} "
    if (digit := unicodedata.decimal(char, None)) is not None:
        return str(digit)
    if char.isspace():
        return "\u2009" if char in "\u2009\u202f\u00a0" else " "
    if "\uff01" <= char <= "\uff5e":
        return chr(ord(char) - 0xFEE0)
    if 0xD800 <= ord(char) < 0xE000:
        return "?"
    return char


def _vulgar(found: re.Match[str]) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", found[2]).partition("⁄")
    return f"{found[1]} {top}/{bottom}" if found[1] else f"{top}/{bottom}"


def _currency(text: str) -> str:
    """A dollar before a number is money, unless it opens mathematics that is closed again."""
    money = text.count("$") % 2 == 1 or r"\$" in text
    if money:
        text = _CURRENCY.sub(" USD ", text, count=2 if r"\$" not in text else 0)
        text = re.sub(r"(?<=[0-9])[ ]?\\?\$", " USD ", text)
    return text.replace(r"\$", "").replace("$", "")


def undressed(text: str) -> str:
    r"""``\text{cm}`` as its content, from the inside out."""
    for _ in range(6):
        changed = _DRESS.sub(lambda m: m[1] if len(m[1]) < 2 else f" {m[1]} ", text)
        if changed == text:
            break
        text = changed
    return text


def _without_end(text: str) -> str:
    while text and (text[-1] in ",;:" or (text[-1] == "." and not text.endswith(r"\ldots."))):
        text = text[:-1].rstrip()
    return text
