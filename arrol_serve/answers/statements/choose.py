"""Which of the places that state an answer counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from arrol_serve.answers.jsonish import whole
from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.statements import boxes, conclusion, lines, objects, phrases, tags
from arrol_serve.answers.statements.gist import LOOSE, gist, is_loose
from arrol_serve.answers.statements.peel import BRACKETS, peel
from arrol_serve.answers.statements.spill import spills
from arrol_serve.answers.statements.statement import Statement, Trust

_REMARK = re.compile(
    r"^(?:(?:in)?correct|right|wrong|(?:in)?consistent|reasonable|verified|confirmed"
    r"|not(?! (?:plausible|valid))"
    r"|un(?:known|clear|certain|defined answer)"
    r"|the same|properly|indeed|therefore|thus|formatted|provided|given(?! by)|shown|based|found|obtained"
    r"|in the|as a|an? (?:[a-z-]+ ){0,2}(?:single|number|integer|value|fraction|expression|multiple|positive)"
    r"|expressed|written|rounded|already|also|true that|now|derived|determined"
    r"|calculated|computed|solved|between|asking|that|what|how|if"
    r"|above|below|here|yours|still|likely to|available|impossible to|a matter)\b|^as follows\W*$",
    re.IGNORECASE,
)
_BUT = re.compile(
    r"^not [^.\n]{1,60}?(?:,? but (?:rather |instead )?(?:it is |it's )?|[,;:] (?:rather|instead|it is"
    r"|it's),? )"
    r"(?P<said>[^\n]+)",
    re.IGNORECASE,
)
_UNLABELLED = re.compile(
    r"^(?:\\text\{\s*)?(?:the )?(?:final )?answer(?: is)?[ :：=]+(?:\}\s*)?(?=[^\s}])",
    re.IGNORECASE,
)
_FURTHER = re.compile(r"\n|[.!?]\s+\S|.{120}")
_DEMAND = re.compile(r"\b(?:must|should|has to) be\b", re.IGNORECASE)
_NOT_LISTED = re.compile(r"^not (?:among|in|one of|listed|any of)\b", re.IGNORECASE)
_ELSEWHERE = re.compile(r"\(([A-Z])\)|\b(?:option|choice|is|be) \(?([A-Z])\)?(?=[\s.,;]|$)")
_NOTHING = re.compile(
    r"[\W_]*|\[?(?:your |the |final |insert )?(?:final )?(?:answer|number|letter|value|x|n/a"
    r"|\.\.\.)(?: here)?\]?|\$?LETTER|\\?\$?ANSWER",
    re.IGNORECASE,
)
_COMMAND = re.compile(r"\\(?:boxed|fbox|frac|sqrt|text\w*|mathbf|mathrm|left|begin)[{} ]*")
_DANGLING = re.compile(r"\\[A-Za-z]*$")


def chosen(text: str) -> Statement | None:
    """The statement that counts, its text freed from its dress; None: nothing is stated."""
    for find in (_marked, _stated, _alone):
        best = _Choice(text, find(text)).best()
        if best is not None:
            return best
    return None


def _marked(text: str) -> list[Statement]:
    """Made for machines: they need no company. A reply that is JSON has nothing else: it is data."""
    found = [*objects.find(text), *tags.find(text)]
    found = found or (list(objects.echo(text)) if whole(text) is None else [])
    return found if found or not isinstance(whole(text), dict | list) else list(boxes.find(text))


def _stated(text: str) -> list[Statement]:
    if isinstance(whole(text), dict | list):
        return []
    return [*boxes.find(text), *phrases.find(text), *lines.find(text)]


def _alone(text: str) -> list[Statement]:
    single = lines.alone(text) or conclusion.find(text) or lines.first(text)
    return [single] if single and not isinstance(whole(text), dict | list) else []


class _Choice:
    """Looks at as few statements as it must: undressing one costs more than finding it."""

    def __init__(self, text: str, found: Sequence[Statement]) -> None:
        self._text = text
        self._found = sorted(found, key=lambda s: (-s.trust, -s.end, -s.start))
        self._read: dict[Statement, Statement | None] = {}
        self._last_box = max((s.end for s in found if s.box), default=0)

    def best(self) -> Statement | None:
        """The last of the most trusted, before a problem of the reply's own making."""
        for at in spills(self._text) if self._found else ():
            if first := self._first([s for s in self._found if s.end <= at]) or self._before(at):
                return first
        return self._first(self._found)

    def _before(self, at: int) -> Statement | None:
        """Nothing but an answer above the reply's own problem."""
        said = self._text[:at].strip()
        return (
            lines.alone(said)
            if said and len(said) <= lines.MAX_ALONE and "\n" not in said
            else None
        )

    def _first(self, found: Sequence[Statement]) -> Statement | None:
        usable = (read for s in found if (read := self._usable(s)) is not None)
        last = next(usable, None)
        if last is None or not _may_be_cut(self._text, last):
            return last
        earlier = next(usable, None)
        cut = earlier and earlier.text.startswith(last.text) and len(earlier.text) > len(last.text)
        return earlier if cut else last

    def _usable(self, statement: Statement) -> Statement | None:
        """A box outranks phrases, but not a clear statement that comes after it."""
        if statement not in self._read:
            said = None
            if (
                statement.box
                or statement.trust != Trust.STATED
                or statement.start >= self._last_box
            ):
                said = _said(self._text, statement)
            if said is not None and (is_fragment(said) or not self._outranks_box(statement, said)):
                said = None
            self._read[statement] = None if said is None else replace(statement, text=said)
        return self._read[statement]

    def _outranks_box(self, statement: Statement, said: str) -> bool:
        if not self._last_box or statement.box or statement.trust != Trust.STATED:
            return True
        return kind_of(said).kind not in LOOSE


def _said(text: str, statement: Statement) -> str | None:
    inner = list(boxes.find(statement.text))
    if inner:
        return inner[0].text
    if statement.box:
        return _UNLABELLED.sub("", statement.text)
    content = statement.text
    if statement.source.startswith("tag") and _holds_more(content):
        nested = chosen(content)
        return gist(content) if nested is None else nested.text
    if statement.trust == Trust.STATED and not statement.source.startswith(("#", "tag")):
        if but := _BUT.match(content.strip(" *_\"'")):
            return gist(but["said"])
        closest = _closest(text, statement)
        if closest is not None:
            return closest
        if _REMARK.match(content.strip(" *_\"'")):
            return _remarked(content)
        if _DEMAND.search(statement.source) and kind_of(gist(content)).kind in LOOSE:
            return None  # "The answer must be positive"
    return gist(content)


def _holds_more(content: str) -> bool:
    """Whether a whole solution stands between the tags."""
    return bool(_FURTHER.search(content.strip())) and is_loose(peel(content))


def _remarked(content: str) -> str | None:
    """ "invalid" may be the answer, "correct" is a remark, "therefore 42" holds one."""
    bare = gist(content)
    if kind_of(bare).kind not in LOOSE and bare != content.strip():
        return (
            bare
            if re.match(r"\W*(?:therefore|thus|indeed|now|also|still)\b", content, re.IGNORECASE)
            else None
        )
    return None


def _closest(text: str, statement: Statement) -> str | None:
    """ "not among the choices, but the closest is (I)"."""
    if not _NOT_LISTED.match(statement.text.strip(" *_")):
        return None
    line = text[statement.start : statement.start + 400].partition("\n")[0]
    letters = [a or b for a, b in _ELSEWHERE.findall(line)]
    return letters[-1] if letters else ""


def is_fragment(said: str) -> bool:
    r"""``\``, ``\{351``, ``...``: what a stop string or the token limit has left of an answer."""
    bare = said.strip()
    if _COMMAND.fullmatch(bare):
        return True
    if BRACKETS.fullmatch(bare) or re.search("[∅∞π½¼¾]", bare):
        return False
    if _NOTHING.fullmatch(bare) or (
        _DANGLING.search(bare)
        and not re.search(
            r"\\(?:infty|pi|emptyset|varnothing|alpha|beta|theta|phi|lambda|mu|rho|sigma|omega"
            r"|ldots|dots|right|mathbb\w*|[A-Z]?[a-z]{1,7})$",
            bare,
        )
    ):
        return True
    plain = bare.replace(r"\left\{", "{").replace(r"\right\}", "}")
    if r"\left\{" in bare:
        plain = plain.replace(r"\right.", "}")
    opened = plain.count("{") - plain.count("}")
    return opened != 0 and any(c.isalnum() for c in bare)


def _may_be_cut(text: str, last: Statement) -> bool:
    """Whether the end of the text may cut short what was said before."""
    if last.box or last.trust != Trust.STATED or text[last.end :].strip():
        return False
    return not text.rstrip().endswith((".", "。", "!", "*", "$", ")", "`", '"'))
