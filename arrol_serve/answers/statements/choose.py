"""Which of the places that state an answer counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from arrol_serve.answers.jsonish import whole
from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.statements import boxes, conclusion, lines, objects, phrases, tags
from arrol_serve.answers.statements.gist import LOOSE, gist
from arrol_serve.answers.statements.peel import BRACKETS
from arrol_serve.answers.statements.spill import spills
from arrol_serve.answers.statements.statement import Statement, Trust

_REMARK = re.compile(
    r"^(?:(?:in)?correct|right|wrong|(?:in)?consistent|reasonable|verified|confirmed|not"
    r"|un(?:known|clear|certain|defined answer)"
    r"|the same|properly|indeed|therefore|thus|formatted|provided|given|shown|based|found|obtained"
    r"|in the|as a|a (?:single|number|positive)"
    r"|an integer|expressed|written|rounded|already|also|true that|now|derived|determined"
    r"|calculated|between|asking|that|what|how|if"
    r"|above|below|here|yours|still|likely to|available|impossible to|a matter)\b",
    re.IGNORECASE,
)
_NOT_LISTED = re.compile(r"^not (?:among|in|one of|listed|any of)\b", re.IGNORECASE)
_ELSEWHERE = re.compile(r"\(([A-Z])\)|\b(?:option|choice|is|be) \(?([A-Z])\)?(?=[\s.,;]|$)")
_NOTHING = re.compile(
    r"[\W_]*|\[?(?:your |the |final |insert )?(?:final )?(?:answer|number|letter|value|x|n/a"
    r"|\.\.\.)(?: here)?\]?|\$?LETTER|\\?\$?ANSWER",
    re.IGNORECASE,
)
_DANGLING = re.compile(r"\\[A-Za-z]*$")


def chosen(text: str) -> Statement | None:
    """The statement that counts, its text freed from its dress; None: nothing is stated."""
    found = _usable(text, candidates(text))
    found = _before_spill(text, found)
    if not found:
        single = lines.alone(text) or conclusion.find(text)
        found = _usable(text, [single] if single else [])
    if not found:
        return None
    best = max(s.trust for s in found)
    rivals = sorted((s for s in found if s.trust == best), key=lambda s: (s.end, s.start))
    return _uncut(text, rivals) if best == Trust.STATED else rivals[-1]


def candidates(text: str) -> list[Statement]:
    """All places, in no order."""
    found = [*objects.find(text), *tags.find(text), *boxes.find(text)]
    if isinstance(whole(text), dict):
        return found  # its strings are data
    if not any(s.trust == Trust.MARKED for s in found):
        found += objects.echo(text)
    if not any(s.trust == Trust.MARKED for s in found):
        found += [*phrases.find(text), *lines.find(text)]
    return found


def _usable(text: str, found: Sequence[Statement]) -> list[Statement]:
    kept = []
    for statement in found:
        said = _said(text, statement)
        if said is not None and not is_fragment(said):
            kept.append(replace(statement, text=said))
    return _boxes_first(kept)


def _said(text: str, statement: Statement) -> str | None:
    if statement.box:
        return statement.text
    inner = list(boxes.find(statement.text))
    if inner:
        return inner[0].text
    content = statement.text
    if statement.trust == Trust.STATED and not statement.source.startswith(("#", "tag")):
        closest = _closest(text, statement)
        if closest is not None:
            return closest
        if _REMARK.match(content.strip(" *_\"'")):
            return _remarked(content)
    return gist(content)


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
    plain = bare.replace(r"\left\{", "(").replace(r"\right.", ")")
    opened = plain.count("{") - plain.count("}")
    return opened != 0 and any(c.isalnum() for c in bare)


def _boxes_first(found: list[Statement]) -> list[Statement]:
    """A box outranks phrases, but not a clear statement that comes after it."""
    last = max((s.end for s in found if s.box), default=None)
    if last is None:
        return found
    return [
        s for s in found if s.trust != Trust.STATED or s.box or (s.start >= last and _clear(s.text))
    ]


def _clear(said: str) -> bool:
    return kind_of(said).kind not in LOOSE


def _before_spill(text: str, found: list[Statement]) -> list[Statement]:
    for at in spills(text):
        before = [s for s in found if s.end <= at and s.trust >= Trust.LINE]
        if before:
            return before
    return found


def _uncut(text: str, rivals: list[Statement]) -> Statement:
    """The last one, unless the end of the text cuts short what was said before."""
    last = rivals[-1]
    if (
        last.box
        or len(rivals) < 2
        or text[last.end :].strip()
        or text.rstrip().endswith((".", "。", "!", "*", "$", ")", "`", '"'))
    ):
        return last
    earlier = rivals[-2]
    cut = earlier.text.startswith(last.text) and len(earlier.text) > len(last.text)
    return earlier if cut else last
