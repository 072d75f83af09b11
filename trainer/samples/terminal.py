"""One group in a terminal: its replies side by side, as wide as there is room."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from trainer.samples.kept import ShownGroup, ShownReply

NARROWEST = 34
"""Characters of a column."""
GAP = " | "
TOGETHER = "\u00a0"
"""Between words that no line end parts."""
COLOURS = {"right": "\x1b[32m", "wrong": "\x1b[31m", "pruned": "\x1b[90m", "unknown": "\x1b[33m"}
PLAIN = "\x1b[0m"


def verdict(reply: ShownReply) -> str:
    """``right``, ``wrong``, ``pruned`` or ``unknown``."""
    if reply.fate == "pruned":
        return "pruned"
    return {True: "right", False: "wrong", None: "unknown"}[reply.right]


def side_by_side(group: ShownGroup, width: int, lines: int, *, colour: bool) -> str:
    """``lines``: of each reply at most, 0: all. Right ones first."""
    order = ("right", "wrong", "unknown", "pruned")
    replies = sorted(group.replies, key=lambda reply: (order.index(verdict(reply)), reply.index))
    across = max(1, min(len(replies) or 1, (width + len(GAP)) // (NARROWEST + len(GAP))))
    column = (width - len(GAP) * (across - 1)) // across
    parts = [_head(group, width)]
    for start in range(0, len(replies), across):
        band = replies[start : start + across]
        parts.append(_band(band, column, lines, colour=colour))
    return "\n\n".join(parts) + "\n"


def _head(group: ShownGroup, width: int) -> str:
    right = sum(reply.right is True for reply in group.replies)
    lines = [f"{clean(group.name)} ({clean(group.part)}): {right} of {len(group.replies)} right"]
    lines += [f"[{clean(role)}] {clean(text)}" for role, text in group.before]
    lines += [f"Question: {clean(group.question)}"]
    lines += [f"Gold: {clean(group.gold)}"] if group.gold is not None else []
    return "\n".join("\n".join(_wrapped(line, width)) for line in lines)


def _band(replies: Sequence[ShownReply], column: int, lines: int, *, colour: bool) -> str:
    blocks = [_block(reply, column, lines) for reply in replies]
    rows = []
    for place, row in enumerate(zip_longest(*blocks, fillvalue="")):
        cells = [cell.ljust(column) for cell in row]
        if colour and place < 2:  # what it is; the text stays as the terminal has it
            cells = [
                f"{COLOURS[verdict(reply)]}{cell}{PLAIN}"
                for cell, reply in zip(cells, replies, strict=True)
            ]
        rows.append(GAP.join(cells).rstrip())
    return "\n".join(rows)


def _block(reply: ShownReply, column: int, lines: int) -> list[str]:
    answer = "" if reply.answer is None else f" -> {clean(reply.answer)}"
    fate = "" if reply.fate in ("finished", "pruned") else f", {reply.fate}"
    title = f"#{reply.index} {verdict(reply)}{fate}, {reply.tokens} tokens{answer}"
    pairs = (f"{k} {v:.3g}" for k, v in reply.figures.items() if v is not None)
    figures = "  ".join(pair.replace(" ", TOGETHER) for pair in pairs)
    text = _wrapped(clean(reply.text).strip() or "(empty)", column)
    if lines and len(text) > lines:
        text = [*text[: lines - 1], f"... {len(text) - lines + 1} more lines"]
    return [
        _clipped(title, column),
        *(line.replace(TOGETHER, " ") for line in _wrapped(figures, column)),
        "-" * column,
        *text,
    ]


def _clipped(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 3] + "..."


def _wrapped(text: str, width: int) -> list[str]:
    return [
        line
        for part in text.split("\n")
        for line in textwrap.wrap(part, width, drop_whitespace=False, replace_whitespace=False)
        or [""]
    ]


def clean(text: str) -> str:
    """Without what would steer the terminal: models may write anything."""
    spaced = text.replace("\r\n", "\n").replace("\t", "    ")
    return "".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in spaced)
