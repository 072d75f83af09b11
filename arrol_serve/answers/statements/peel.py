"""A statement without its dress: bold, quotes, dollars, labels, fillers, remarks around the answer."""

from __future__ import annotations

import re
from functools import lru_cache

_EDGES = (
    re.compile(r"^```[a-zA-Z]*\s*(.*?)\s*```$", re.DOTALL),
    re.compile(r"^\"\"\"\s*(.*?)\s*\"\"\"$", re.DOTALL),
    re.compile(r"^'''\s*(.*?)\s*'''$", re.DOTALL),
    re.compile(r"^\$\$(.*)\$\$$", re.DOTALL),
    re.compile(r"^\$((?:[^$\\]|\\.)+)\$$", re.DOTALL),
    re.compile(r"^\\\((.*?)\\\)$", re.DOTALL),
    re.compile(r"^\\\[(.*?)\\\]$", re.DOTALL),
    re.compile(r"^\*\*([^*].*?)\*\*$", re.DOTALL),
    re.compile(r"^__([^_].*?)__$", re.DOTALL),
    re.compile(r"^\*([^*]+)\*$"),
    re.compile(r"^_([^_]+)_$"),
    re.compile(r"^`([^`]+)`$"),
    re.compile(r"^\"([^\"]+)\"$"),
    re.compile(r"^“([^”]+)”$"),
    re.compile(r"^\\(?:text|textbf|mathbf|mathrm|boxed|fbox)\{([^{}]*)\}$"),
    re.compile(r"^<([A-Za-z_]+)>\s*(?P<inner>.*?)\s*</\1>$", re.DOTALL),
    re.compile(r"^\[\[(.*?)\]\]$"),
    re.compile(r"^<<<?([^<>]+)>>>?$"),
    re.compile(r"^「(.*?)」$"),
)
_OPENERS = frozenset("`\"'$\\*_“<[「")
_LABEL = re.compile(
    r"^(?:\\text\{)?(?:(?:the |my |our )?(?:final |correct )?(?:answer|ans)(?: choice"
    r"| option)?(?:\s*[:：=]|\s+is\b:?)|[:：=>]+|答案(?:是|为|：|:)"
    r"|(?:option|choice)\s+(?=\(?[A-Z]\)?\W?$))[\s*_]*",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"^(?:therefore|thus|hence|simply|just|clearly|indeed|exactly|probably|most likely|likely"
    r"|definitely|actually|then|given by"
    r"|as follows|the following|equal to"
    r"|la opción|opción|l'option|a opção|opção|вариант|opsi|seçenek"
    r"|option|choice|letter|opção|alternativa|letra|lettera|lettre|réponse|respuesta|resposta|risposta"
    r"|Buchstabe|Antwort|опция|буква|also|still|either|in fact|of course"
    r"|now|obviously|finally"
    r"|(?:the|la|le|el|il|lo|o|die|der|das|het|de|το|η)(?=\s+(?:[^\W\d_]{2,12}\s+)?\(?[A-ZА-ЯΑ-Ω]\)?[.)]?$)"
    r"|a(?=\s+(?:letra|alternativa|opção)\s)"
    r"|ungefähr|etwa|environ|aproximadamente|the letter|the option|the choice|选项|选|that it is"
    r"|is)\b[,:]?\s*(?=\S)|^[,:：]\s*",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:(?<=[A-H)）])(?:(?:是|选项|项|項)?(?:正确|正確|符合题意)的?|选项|选項|项|項)"
    r"|(?<=[0-9A-Za-z)])(?:です|になります|となります|입니다|이다)"
    r"|\s*<eo[as]>|\s*<\|[a-z_]{1,24}\|>|</s>|\s*\\\\|\s[–—|-]{1,8}|(?<=[^\s:,;])[:,;])$"
)
_TAIL_WINDOW = 40
_SYMBOLS = " \t\n\r✅✓🎯☑∎■□◼🎉\ufe0f"
BRACKETS = re.compile(r"[\[\](){}<>](?:[ ]?[\[\](){}<>])*")
_DOLLAR_AT_END = re.compile(r"[^\\0-9 ]\$$")
_STRAY = re.compile(r"^(?:\*\*|__|\*|_)+\s*(?![*_])|\s*(?:\*\*|__)$")


@lru_cache(maxsize=2048)
def peel(text: str) -> str:
    """Linear in ``text``, which is short."""
    for _ in range(8):
        before = text
        if BRACKETS.fullmatch(text.strip()):
            return text.strip()
        text = _without_tail(text.strip()).strip(" \t\n")
        for edge in _EDGES if text[:1] in _OPENERS else ():
            found = edge.match(text)
            if found:
                text = (
                    found.groupdict().get("inner")
                    or found[found.re.groups if "inner" not in found.groupdict() else "inner"]
                ).strip()
        text = _LABEL.sub("", text)
        text = _FILLER.sub("", text)
        text = _unbalanced(text)
        if text == before:
            break
    return text


def _without_tail(text: str) -> str:
    """``text`` without the marks that end a line, one after the other."""
    for _ in range(12):
        before = text
        text = text.rstrip(_SYMBOLS)
        bare = text.rstrip("*").rstrip()
        if len(bare) < len(text):
            text = bare[:-1] if bare.endswith(".") else bare
        window = text[-_TAIL_WINDOW:]
        text = text[: len(text) - len(window)] + _TAIL.sub("", window)
        if text == before:
            break
    return text


def _unbalanced(text: str) -> str:
    """Emphasis and quotes that open or close but once belong to what stood around."""
    if text.count("**") % 2:
        text = _STRAY.sub("", text) if text.startswith("**") or text.endswith("**") else text
    for mark in ('"', "`"):
        if text.count(mark) == 1:
            text = text.strip(mark)
    if _DOLLAR_AT_END.search(text) and text.count("$") == 1:
        text = text[:-1]
    one_too_many = text.count("}") == text.count("{") + 1
    if (
        len(text) > 1
        and one_too_many
        and re.search(r"[^\\]\}$", text)
        and not BRACKETS.fullmatch(text)
    ):
        text = text[:-1]
    return text.strip(" \t\n")
