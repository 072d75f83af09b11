"""Names of tags and keys that hold answers."""

from __future__ import annotations

import re

TAG_NAMES = (
    "answer|final_?answer|final-answer|ans|finalanswer|correct_answer|solution_answer|answer_final|result"
    "|output|solution|antwort|respuesta|reponse|réponse|final|response_answer|risposta|resposta|ответ|答案|output_answer"
)
ANSWER_KEYS = (
    "final_answer",
    "finalanswer",
    "answer",
    "correct_answer",
    "final",
    "solution",
    "result",
)
"""Wherever they stand, in this order."""
OTHER_KEYS = (
    "choice", "prediction", "antwort", "respuesta", "réponse", "reponse", "risposta", "resposta", "ответ",
    "答案", "label", "output", "value", "response", "option", "letter", "pred",
)  # fmt: skip
"""Keys that count where a reply is JSON and nothing else."""
_ANSWER = re.compile(r"(?:\w+_)?answers?(?:_(?:letter|choice|value|text|number|option|key))?|ans")
_CHOSEN = re.compile(
    r"(?:selected|correct|chosen|final|best|predicted|my)_(?:option|choice|letter|label|value|result|number)"
)
_NO_ANSWER = re.compile(
    r"explanation|reason|question|wrong|incorrect|previous|expected|possible|alternative|initial|first"
)


def is_answer_key(name: str) -> bool:
    """``model_answer``, ``answer_letter``; ``name`` is in small letters."""
    return bool(_ANSWER.fullmatch(name)) and not _NO_ANSWER.search(name)


def is_other_key(name: str) -> bool:
    """``result``, ``selected_option``: they say so only where nothing but JSON is there."""
    return name in OTHER_KEYS or bool(_CHOSEN.fullmatch(name))
