"""Answers between tags and brackets that were asked for: <answer>, [ANSWER], 【答案】, GLM's boxes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from arrol_serve.answers.ends import ends
from arrol_serve.answers.statements.statement import Statement, Trust
from arrol_serve.answers.statements.vocabulary import TAG_NAMES

MAX_CONTENT = 20_000
_TAG = re.compile(
    rf"(?P<l><|\[|&lt;)\s*(?P<name>{TAG_NAMES})\s*(?:[a-z]+=[\"'][^\"'<>]{{0,40}}[\"']\s*)?(?:[>\]]|&gt;)",
    re.IGNORECASE,
)
_WIDE = re.compile(
    r"[【《〖［（]\s*(?:最终|正确|参考|最終)?(?:答案|答え|答|解答|정답"
    r"|(?:final )?answer)\s*[】》〗］）][ :：]*",
    re.IGNORECASE,
)
_END_OF_ANSWER = re.compile(r"<eoa>|<eos>|<\|[a-z_]{2,20}\|>|【|\n[ \t]*\n")
_DOUBLE = re.compile(r"\[\[([^\[\]'\",\n]{1,60})\]\]")
_BETWEEN = re.compile(
    r"[\[<-]{1,4} ?(?:BEGIN|START)[ _](?:FINAL[ _])?ANSWER ?[\]>-]{1,4}(.{0,2000}?)[\[<-]{1,4} ?END\b",
    re.DOTALL,
)
_FINISH = re.compile(r"\bFinish\[([^\[\]\n]{1,200})\]")
"""The last action of ReAct."""
_GLM = re.compile(r"<\|begin_of_box\|>(.{0,2000}?)<\|end_of_box\|>", re.DOTALL)


def find(text: str) -> Iterator[Statement]:
    for opening in ends(_TAG.finditer(text)):
        closing = _closing(text, opening)
        if closing is not None:
            yield _marked(opening.end(), closing, text, f"tag {opening[0].strip()}")
    for opening in () if text.isascii() else ends(_WIDE.finditer(text)):
        end = _END_OF_ANSWER.search(text, opening.end())
        stop = end.start() if end else len(text)
        yield _marked(opening.end(), stop, text, opening[0].strip(" :："))
    for found in _DOUBLE.finditer(text, max(0, len(text) - 200)):
        if not text[found.end() :].strip(" .*_\n"):
            yield _marked(found.start(1), found.end(1), text, "[[ ]]")
    for found in ends(_BETWEEN.finditer(text)) if "ANSWER" in text else ():
        yield _marked(found.start(1), found.end(1), text, "tag BEGIN ANSWER")
    for found in ends(_FINISH.finditer(text)) if "Finish[" in text else ():
        yield _marked(found.start(1), found.end(1), text, "Finish[ ]")
    for box in ends(_GLM.finditer(text)) if "<|begin_of_box|>" in text else ():
        yield _marked(box.start(1), box.end(1), text, "box tokens")


def _marked(start: int, end: int, text: str, source: str) -> Statement:
    return Statement(start, end, text[start:end], source, Trust.MARKED)


def _closing(text: str, opening: re.Match[str]) -> int | None:
    r"""Where the tag is closed; one that never is holds its line: a stop string may have eaten the end."""
    name, left = opening["name"], opening["l"]
    window = text[opening.end() : opening.end() + MAX_CONTENT]
    right = {"<": ">", "[": "]", "&lt;": "&gt;"}[left]
    found = re.search(
        rf"{re.escape(left)}\s*[/\\]?\s*{re.escape(name)}\s*{re.escape(right)}",
        window,
        re.IGNORECASE,
    )
    if found:
        inner = window[: found.start()]
        nested = re.search(
            rf"{re.escape(left)}\s*{re.escape(name)}\s*{re.escape(right)}", inner, re.IGNORECASE
        )
        return None if nested else opening.end() + found.start()
    if left == "<" and window.strip() and "\n" not in window.strip() and len(window) < 200:
        return len(text)
    return None
