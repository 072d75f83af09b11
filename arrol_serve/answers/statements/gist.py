"""The answer inside a sentence: "Ann has 4 pens", "yes, the coin is still heads up", "36 min (D)"."""

from __future__ import annotations

import re
from functools import lru_cache

from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.statements.peel import peel

MAX_SENTENCE = 800
LOOSE = frozenset(["words", "formula"])
_BOLD = re.compile(r"\*\*([^*\n]{1,200}?)\*\*")
_MATH = re.compile(r"\$([^$\n]{1,300})\$(?![0-9])|\\\((.{1,300}?)\\\)")
_MARKED_LETTER = re.compile(
    r"(?:^|(?<=[\s*:]))\(([A-Za-z])\)(?=$|[\s.,:*])|(?:\b(?:option|choice"
    r"|answer)\s+)\(?([A-Z])\b\)?|\[([A-Z])\]|\b(?:is|are)\s([A-Z])$"
)
_YES_NO = re.compile(
    r"^(?!no\.\s*\d)(yes|no|true|false|ja|nein|sí|si|oui|non|да|нет|valid|invalid)\b(?=[,.:;!—–-]|\s+(?:because"
    r"|since|the|it|he|she|they|this|that|there|you|not)\b|\s*\()",
    re.IGNORECASE,
)
_AMOUNT = (
    r"(?:[ ]?\d+[ ](?:hours?|hrs?|h|feet|ft|minutes?|min|days?|weeks?|years?)(?:,|[ ]and)?[ ]\d+[ ]"
    r"(?:minutes?|min|seconds?|sec|inch(?:es)?|in|hours?|days?|months?)\b"
    r"|[ ]?(?<![\d.:])\d{1,3}:\d{1,2}(?::\d{1,2})?(?![\d:])(?:[ ]?[AaPp]\.?[Mm]\b\.?)?"
    r"|(?:(?:US|R|A|C)?\\?\$|[€£¥₹₽]|USD[ ])?[ ]?(?<![A-Za-z0-9_.])[-−]?(?:\\?\$)?"
    r"(?:\\[dt]?frac\s*\{-?\d+\}\s*\{\d+\}"
    r"|\d{1,3}(?:[, \u202f\u2009\u00a0]\d{3})+(?:[.,]\d+)?(?!\d)|\d+[ ]\d+/\d+|\d+(?:[.,]\d+)?|\.\d+)"
    r"(?:[ ]?(?:×|x|\*|\\times|\\cdot)[ ]?10[ ]?\^?[ ]?\{?[-−]?[\d⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+\}?"
    r"|[eE][-+]?\d+)?(?:/\d+)?(?:[ ]?(?:\\?%|percent\b|°))?(?:[ ]?(?:\\?\$|€|£|₽|₹|USD\b|EUR\b"
    r"|dollars\b|Euro\b|euros\b))?)"
)
AMOUNT = re.compile(_AMOUNT)
_NEXT_TO_LETTERS = re.compile(r"[A-Za-z_^\\{]$")
_ASIDE = re.compile(
    r"(?:\b(?:after|in|within|of|for|from|per|each|every|than|least|most|to|the|with|between|until"
    r"|at|on|during|year|day|week|step|nach|für|von|pro|los|las|de|en|por|para|после|за|из|через"
    r"|по|dalam|kwa|katika|first|all|these|those|his|her|their)\b|\()[ ]?(?:\\?\$)?$",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"(?:\b(?:is|are|was|were|has|have|had|needs?|costs?|earn(?:s|ed)?|makes?|made|gets?|got|owes?"
    r"|paid|pays?|will|spent|can (?:buy|make|get)|make|gives?|equals|leaves|spends|takes?"
    r"|total(?: of)?|exactly|altogether|left|only|be|ist|sind|hat|haben|kostet|beträgt|era|es|son"
    r"|tiene|fue|cuesta|approximately|about|roughly|around|est|sont|a|sera|равн[оа]|составляет"
    r"|стоит|bado|ni|ana|=)|[:=：有是为為共得剩要花付成需])[ ]?\**(?:\\?\$)?$",
    re.IGNORECASE,
)


_AGAIN = re.compile(r",? (?:or|i\.e\.,?|that is,?|which is) |\s\((?![A-Za-z]\)$)(?=[^()]*\)$)")
_PROSE = re.compile(r"(?<![\\A-Za-z])[a-z]{4,}")
_MONEY = re.compile(r"[$€£¥₹₽]|dollar|euro|USD", re.IGNORECASE)


def is_loose(text: str) -> bool:
    """Words, a formula that nothing reads, or a sentence that commas cut into words."""
    kind = kind_of(text).kind
    return (
        kind in LOOSE
        or (kind == "list" and text[:1] not in ("[", "("))
        or (kind == "set" and len(text.split()) > 6 and bool(_PROSE.search(text)))
    )


def without_dollars(text: str) -> str:
    """``$x=1$ and $x=2$`` without the marks of mathematics; money keeps its own."""
    marks = text.count("$") - text.count("\\$")
    return _MATH.sub(lambda m: m[1] or m[2], text) if marks % 2 == 0 else text


@lru_cache(maxsize=2048)
def gist(said: str) -> str:
    """``said`` where it is an answer as it stands, else the part of it that is one."""
    text = peel(said)
    if not text or not is_loose(text):
        return without_dollars(text)
    if len(text) > MAX_SENTENCE:
        text = text[:MAX_SENTENCE]
    bare = _MATH.sub(lambda m: m[1] or m[2], text)
    if bare != text and not is_loose(bare):
        return bare
    for part in (
        _lead_word,
        _by_alternative,
        _by_emphasis,
        _by_letter,
        _by_mathematics,
        _by_equals,
        _by_amount,
    ):
        found = part(text)
        if found is not None:
            return found
    return text


def _lead_word(text: str) -> str | None:
    found = _YES_NO.match(text)
    return found[1] if found else None


def _by_alternative(text: str) -> str | None:
    """ "90 minutes (1.5 hours)" and "1 hour 30 minutes, or 90 minutes" say it twice."""
    first, again, _ = _AGAIN.sub("\x00", text, count=1).partition("\x00")
    return (
        peel(first) if again and any(c.isdigit() for c in first) and _typed(peel(first)) else None
    )


def _typed(text: str) -> bool:
    return bool(text) and not is_loose(text)


def _by_emphasis(text: str) -> str | None:
    bold = [peel(part) for part in _BOLD.findall(text)]
    if len(bold) == 1 and bold[0]:
        return bold[0] if _typed(bold[0]) else _inside(bold[0])
    return None


def _inside(text: str) -> str | None:
    for part in (_by_letter, _by_mathematics, _by_amount):
        found = part(text)
        if found is not None:
            return found
    return None


def _by_letter(text: str) -> str | None:
    found = _MARKED_LETTER.findall(text)
    letters = {next(filter(None, groups)).upper() for groups in found}
    return letters.pop() if len(letters) == 1 else None


def _by_mathematics(text: str) -> str | None:
    found = [peel(a or b) for a, b in _MATH.findall(text)]
    typed = [part for part in found if _typed(part)]
    if len(typed) == 1:
        return typed[0]
    if typed and len(typed) == len(found):
        rest = _MATH.sub(" ", text)
        if re.fullmatch(r"(?:[\s,;.]|and|or|und|y|et)*", rest):
            return ", ".join(typed)
        return typed[-1] if "=" in rest else None
    return None


def _by_equals(text: str) -> str | None:
    _, equals, tail = without_dollars(text).rpartition("=")
    if not equals or len(tail) > 120:
        return None
    value = peel(tail)
    if _typed(value):
        return value
    amounts = AMOUNT.findall(value)
    return _by_amount(value) if len(amounts) == 1 and re.match(r"\s*(?:\\?\$|\d|-)", tail) else None


def _by_amount(text: str) -> str | None:
    """The number that the sentence is about: behind a verb, not behind "after" or "for the"."""
    found = _amounts(text)
    return max(found, key=lambda a: a[0])[1] if found else None


def aim(sentence: str, concludes: bool = False) -> str | None:
    """The same where the sentence leaves no doubt: a verb or a currency marks one number alone.

    A sentence that ``concludes`` needs no verb where it has one number only.
    """
    equals = _by_equals(sentence) if "=" in sentence else None
    if equals is not None:
        return equals
    found = sorted(_amounts(sentence), key=lambda a: -a[0])
    if concludes and len(found) == 1 and found[0][0] >= 0:
        return found[0][1]
    if not found or found[0][0] < 3 or (len(found) > 1 and found[1][0] >= found[0][0]):
        return None
    return found[0][1]


def _amounts(text: str) -> list[tuple[int, str]]:
    """Scored, in the order of the text."""
    scored = []
    for found in AMOUNT.finditer(text):
        amount = found[0].strip()
        start = found.start() + len(found[0]) - len(found[0].lstrip())
        before = text[max(0, start - 40) : start]
        if not any(c.isdigit() for c in amount) or _NEXT_TO_LETTERS.search(before):
            continue
        score = 3 * bool(_VERB.search(before)) - 2 * (
            ":" not in amount and bool(_ASIDE.search(before))
        )
        score += 2 * bool(_MONEY.search(amount))
        scored.append((score, amount.strip(" ,")))
    return scored
