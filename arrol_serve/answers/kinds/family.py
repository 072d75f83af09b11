r"""Solutions with a whole parameter, ``\frac{\pi}{2} + k\pi, k \in \mathbb{Z}``, and systems of equations."""

from __future__ import annotations

import re
from collections.abc import Callable

from arrol_serve.answers.kinds.form import Form

Reader = Callable[[str], Form]
_WHOLE = re.compile(
    r"(?P<of>[^,;]{1,120}?)[ ]?[,;(]?[ ]?\(?(?:for |where |with |for any |for all )?(?:all |any |some )?"
    r"(?P<name>[a-z])[ ]?(?:\\in(?![A-Za-z])[ ]?\\mathbb[ ]?\{?[ ]?(?P<set>[ZN])[ ]?\}?"
    r"(?:[ ]?\^[ ]?\{?\+\}?)?"
    r"|(?:is )?(?:an )?(?P<word>integer))[ ]?\)?"
)
_NAMED = re.compile(r"^[A-Za-z][ ]?=[ ]?")
_SYSTEM = re.compile(
    r"\\begin\{cases\}(?P<a>[^&]*)\\end\{cases\}|\\\{[ ]?\\begin\{array\}\{[a-z]*\}(?P<b>[^&]*)\\end\{array\}"
)


def read(text: str, reader: Reader) -> Form | None:
    """``text`` is clean; ``reader`` reads a part."""
    system = _SYSTEM.fullmatch(text)
    if system:
        rows = [row.strip(" ,;.") for row in (system["a"] or system["b"]).split(r"\\")]
        return reader(", ".join(row for row in rows if row))
    if "integer" not in text and r"\mathbb" not in text:
        return None
    found = _WHOLE.fullmatch(text)
    if not found:
        return None
    parameter = rf"(?<![A-Za-z\\]){found['name']}(?![A-Za-z])"
    of = reader(re.sub(parameter, "k", _NAMED.sub("", found["of"].strip())))
    if of.kind in ("words", "formula") or not re.search(parameter, found["of"]):
        return None
    shown = f"{of.shown} for whole k"
    return Form(
        "family", ("family", found["set"] or "Z", of.own), shown, (of.own, *of.also), of.slots
    )
