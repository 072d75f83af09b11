"""Replies and the rows of their prompts as reward functions get them: by name, alone or in lists. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from trainer.prompts.prompt import Prompt

Pair = tuple[str, Prompt]
"""A reply, and what it replies to."""
Form = Literal["auto", "text", "messages"]
OURS = ("question", "gold", "key")
THEIRS = ("prompt", "prompts", "completion", "completions", "completion_ids")
"""Columns that lists do not have by these names: TRL gives them in its own way."""


def alone(pair: Pair) -> dict[str, Any]:
    """For a function that grades one reply; columns of the row that are called as ours are ours."""
    reply, prompt = pair
    own = {"question": prompt.question, "reply": reply, "gold": prompt.gold, "key": prompt.key}
    return {**prompt.row, **own}


def in_lists(pairs: Sequence[Pair], form: Form) -> dict[str, list[Any]]:
    """For a function that grades many: as TRL gives them, with ours where the row has no such column."""
    names = list(dict.fromkeys(name for _, prompt in pairs for name in prompt.row))
    columns = {
        name: [prompt.row.get(name) for _, prompt in pairs] for name in names if name not in THEIRS
    }
    for name in OURS:
        columns.setdefault(name, [getattr(prompt, name) for _, prompt in pairs])
    columns["prompts"] = [_prompt(prompt, form) for _, prompt in pairs]
    columns["completions"] = [
        [{"role": "assistant", "content": reply}] if _messages(prompt, form) else reply
        for reply, prompt in pairs
    ]
    return columns


def _messages(prompt: Prompt, form: Form) -> bool:
    return prompt.as_messages if form == "auto" else form == "messages"


def _prompt(prompt: Prompt, form: Form) -> Any:
    if not _messages(prompt, form):
        return prompt.question
    turns = (*prompt.before, ("user", prompt.question))
    return [{"role": role, "content": text} for role, text in turns]
