"""Writes the tables of docs/answers.md: ``python -m tests.unit.answers.table``."""

from __future__ import annotations

import re

from tests.paths import ROOT
from tests.unit.answers.cases import DIFFERENT, EQUAL, READ

PAGE = ROOT / "docs" / "answers.md"
_BLOCK = re.compile(r"(<!-- cases:(\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SHOWN = 70


def _code(text: str | None) -> str:
    if text is None:
        return "none"
    short = text if len(text) <= SHOWN else f"{text[:30]} ... {text[-10:]}"
    return (
        "<code>"
        + short.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace("\n", "⏎")
        .replace("|", "&#124;")
        .replace("*", "&#42;")
        .replace("`", "&#96;")
        .replace("_", "&#95;")
        .replace("$", "&#36;")
        + "</code>"
    )


def _read() -> str:
    rows = ["| style | `extract` | reply | answer |", "|---|---|---|---|"]
    for style, cases in READ.items():
        rows += [
            f"| {style} | {how} | {_code(reply)} | {_code(answer)} |"
            for how, reply, answer in cases
        ]
    return "\n".join(rows) + "\n"


def _pairs(kinds: dict[str, list[tuple[str, str]]], sign: str) -> str:
    rows = ["| kind | |", "|---|---|"]
    for kind, pairs in kinds.items():
        said = "<br>".join(f"{_code(a)} {sign} {_code(b)}" for a, b in pairs)
        rows.append(f"| {kind} | {said} |")
    return "\n".join(rows) + "\n"


def render(text: str) -> str:
    """The page with its tables made anew."""
    tables = {"read": _read(), "equal": _pairs(EQUAL, "="), "different": _pairs(DIFFERENT, "≠")}
    return _BLOCK.sub(lambda m: f"{m[1]}{tables[m[2]]}{m[3]}", text)


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text()))
