"""Where a reply goes on to a problem of its own making: few-shot prompts make base models do so."""

from __future__ import annotations

import re

from arrol_serve.answers.ends import ends

_NEXT = re.compile(
    r"(?:\n[ \t#*>]*|(?<=[ .0-9])#{2,4}[ ])(?:(?:next |new )?(?:problem|question|example|exercise"
    r"|input|task|instruction|passage|user|human|q|puzzle)(?:[ ]?#?\d{0,4})?[*_]*[ ]?[:：]"
    r"|(?:问题|题目|問題|例题|Aufgabe|Frage|Pregunta|Problema|Question|Вопрос|Задача)[ ]?\d{0,4}[ ]?[:：]"
    r"|Q\d{0,3}\.[ ]|###[ ]?(?:Instruction|Problem|Question|User)\b|<\|?(?:user|im_start)\|?>"
    r"|\[INST\]|<\|start_header_id\|>user|<start_of_turn>user"
    r"|def[ ]\w+\(|import[ ]\w+)",
    re.IGNORECASE,
)


def spills(text: str) -> list[int]:
    """Where invented problems begin, in order."""
    return [found.start() for found in ends(_NEXT.finditer(text))]
