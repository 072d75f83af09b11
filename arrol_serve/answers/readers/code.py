"""``code``: the last fenced block that is closed."""

from __future__ import annotations

import re

from arrol_serve.answers.readers.found import Found, nothing

_FENCE = re.compile(
    r"^[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)[^\n`]*$", re.MULTILINE
)
_SHOWN = re.compile(r"\b(?:output|result|prints?|shows?)[^\n]{0,20}:[ *_]*\s*$", re.IGNORECASE)
_OUTPUT = frozenset({"output", "text", "console", "stdout", "plaintext"})


def read(text: str) -> Found:
    blocks = [b for b in _blocks(text) if b[1].strip()]
    program = [b for b in blocks if b[0] not in _OUTPUT] or blocks
    if not program:
        return nothing("no closed code block")
    language, code = program[-1]
    return Found(code.strip("\n"), f"the last code block{f' ({language})' if language else ''}")


def _blocks(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence["mark"].startswith(opened["mark"]) and not fence["language"]:
            shown = _SHOWN.search(text, max(0, opened.start() - 60), opened.start())
            language = "output" if shown and not opened["language"] else opened["language"]
            found.append((language.casefold(), text[opened.end() + 1 : fence.start()]))
            opened = None
        elif fence["language"] and fence["mark"].startswith(opened["mark"]):
            opened = fence  # the block before was never closed
    return found
