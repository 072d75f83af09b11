r"""``\boxed{...}`` and ``\fbox{...}``; several in one sentence are one answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.statements.statement import Statement, Trust

_BOX = re.compile(r"\\(?:boxed|fbox|framebox|answer)(?![A-Za-z])\s*|(?<![A-Za-z\\])boxed(?=\{)")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BARE = re.compile(r"[\w+\-−.$\\(]")
"""What a box without braces may begin with."""
_BARE_END = re.compile(r"[\s$]")
MAX_BOXES = 24
"""Boxes that are looked at, from the end."""
_SIGN = re.compile(r"(?:^|[=$(\[{:]|\bis)[ \t{]*(?P<sign>[-−])[ \t]*\{?[ \t]*$")
_CURRENCY_END = re.compile(r"\\\$[ ]?$")
_JOIN = re.compile(r"[,，、;]|\b(?:and|or|und|y|et|e|i|oder|ou|,)\b|和|或|及|&|[a-z]")
_CORRECTION = re.compile(
    r"\b(?:no|not|wait|actually|instead|but|correct(?:ion|ed)?|wrong|rather|mistake|so|thus"
    r"|therefore|hence|then|which|gives?"
    r"|final|later|simplif\w*|equal\w*|check|verif\w*|means?|implies)\b",
    re.IGNORECASE,
)
_EQUATED = re.compile(r"[=≈→]|\\(?:approx|to|implies|Rightarrow|boxed)\b")
_DENIED = re.compile(r"\b(?:[Nn]ot|rather than|instead of)[\s$(\\]*$")
_PERCENT = re.compile(r"[ ]?\\?%")
_NAMED = re.compile(r"\\?[A-Za-z][^=,，;]{0,60}=[\s$]*$")
_SENTENCE = re.compile(r"\n[ \t]*\n|\n[ \t]*[*\-#0-9]|[.!?。](?=\s)")


def find(text: str) -> Iterator[Statement]:
    """Boxes of ``text`` that hold something and are not denied, those of one sentence joined."""
    boxes = list(_boxes(text)) if "box" in text or r"\answer" in text else []
    if len(boxes) > 1:
        boxes = [b for b in boxes if not _DENIED.search(text, max(0, b.start - 16), b.start)]
    while boxes:
        run = [boxes.pop()]
        while boxes and _belong(text, boxes[-1], run[0]):
            run.insert(0, boxes.pop())
        yield _joined(run)


def _boxes(text: str) -> Iterator[Statement]:
    for match in list(_BOX.finditer(text))[-MAX_BOXES:]:
        opening = match.end()
        if text[opening : opening + 1] == "{":
            end = closing(text, opening)
            inner = None if end is None else text[opening + 1 : end]
            after = opening if end is None else end + 1
        else:
            inner = _BARE_END.split(text[opening : opening + 200], maxsplit=1)[0].rstrip(".,;")
            after = opening + len(inner)
        bare = inner is not None and text[opening : opening + 1] != "{"
        if inner is not None and inner.strip() and not (bare and not _BARE.match(inner)):
            percent = _PERCENT.match(text, after)
            said = _signed(text, match.start(), inner.strip()) + (percent[0] if percent else "")
            yield Statement(
                match.start(),
                after,
                said,
                "box",
                Trust.STATED,
                True,
            )


def closing(text: str, opening: int) -> int | None:
    r"""Where the brace at ``opening`` is closed; escaped braces are content."""
    depth = 0
    for brace in _BRACE.finditer(text, opening, opening + 20_000):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return brace.start()
    return None


def _signed(text: str, start: int, inner: str) -> str:
    r"""``x = -\boxed{256}`` is -256."""
    before = text[max(0, start - 40) : start]
    found = _SIGN.search(before)
    if found and not inner.startswith(("-", "−")):
        return "-" + (inner if re.fullmatch(r"[\w.,\\{}/]+", inner) else f"({inner})")
    return inner


def _belong(text: str, first: Statement, second: Statement) -> bool:
    between = text[first.end : second.start]
    if len(between) > 160 or first.text == second.text or _SENTENCE.search(between):
        return False
    if _CORRECTION.search(between) or _EQUATED.search(_without_names(between)):
        return False
    return bool(_JOIN.search(between))


def _without_names(between: str) -> str:
    """``$ and $x=`` names the next part."""
    return _NAMED.sub("", between)


def _joined(run: list[Statement]) -> Statement:
    if len(run) == 1:
        return run[0]
    texts = list({kind_of(box.text).own: box.text for box in reversed(run)}.values())[::-1]
    return Statement(
        run[0].start,
        run[-1].end,
        ", ".join(texts),
        f"{len(run)} boxes of one sentence",
        Trust.STATED,
        True,
    )
