"""``auto``: whatever states an answer, by the order of trust; then tool calls, then a reply that is JSON."""

from __future__ import annotations

import re

from arrol_serve.answers.jsonish import said, whole
from arrol_serve.answers.readers import tool
from arrol_serve.answers.readers.found import Found, nothing
from arrol_serve.answers.statements import objects
from arrol_serve.answers.statements.choose import chosen

_CALL = re.compile(r"<tool_call>.*?(?:</tool_call>|\Z)|<function=.*?(?:</function>|\Z)", re.DOTALL)


def read(text: str) -> Found:
    """What a call says is an argument, no answer; free text has none."""
    value = whole(text)
    if not isinstance(value, list) or any(objects.find(text)):
        statement = chosen(_CALL.sub("", text))
        if statement is not None:
            return Found(statement.text, statement.source)
    calls = tool.read(text)
    if calls.answer is not None:
        return calls
    if objects.says_nothing(value):
        return nothing("the answer of the JSON is empty")
    if value is not None and (answer := said(value)) is not None:
        return Found(answer, "the reply is JSON")
    return nothing("nothing in the reply states an answer")
