"""Prompts that leave no room for a reply are named before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trainer.errors import ConfigError
from trainer.prompts.chat import Turns
from trainer.prompts.listed import Listed
from trainer.prompts.prompt import Prompt, PromptSource

TRIES = 100
STRIDE = 720_720 * 10**6
"""To the number of the prompt that is asked instead: of the same level or task, far from all others."""
TEMPLATE = 8
"""Tokens more that a template may make of a text than of none, beside the text's own bytes."""


@dataclass(frozen=True, slots=True)
class Room:
    """``length``: tokens of a question, and what was said before it, as a prompt."""

    length: Callable[[str, Turns], int]
    max_model_len: int
    max_tokens: int

    def fault(self, prompt: Prompt) -> str | None:
        """What is wrong with a prompt that does not fit; None: it does."""
        room = self.max_model_len - self.max_tokens
        texts = [prompt.question, *(text for _, text in prompt.before)]
        most = sum(len(text.encode()) + TEMPLATE for text in texts)  # a token is a byte at least
        if most + TEMPLATE * len(prompt.before) + self.length("", ()) <= room:
            return None
        tokens = self.length(prompt.question, prompt.before)
        if tokens <= room:
            return None
        return (
            f"its prompt has {tokens} tokens, and rollout.max_model_len ({self.max_model_len}) leaves "
            f"{room} beside rollout.max_tokens ({self.max_tokens})"
        )


def with_room(source: PromptSource, room: Room) -> PromptSource:
    """Rows of a file that do not fit are broken ones; generated prompts are replaced by others.

    Raises ``ConfigError`` naming the first broken row, unless they are skipped.
    """
    if isinstance(source, Listed):
        source.leave_out(room.fault)
        return source
    return Fitting(source, room)


@dataclass(frozen=True, slots=True)
class Fitting:
    """Prompts of an endless source; one that does not fit gives way to another of its kind."""

    source: PromptSource
    room: Room

    def prompt(self, number: int) -> Prompt:
        fault: str | None = ""
        for turn in range(TRIES):
            found = self.source.prompt(number + turn * STRIDE)
            fault = self.room.fault(found)
            if fault is None:
                return found
        raise ConfigError(
            f"data: {TRIES} prompts in a row do not fit; of the last one {fault}. Raise "
            "rollout.max_model_len, or lower rollout.max_tokens.",
            param="rollout.max_model_len",
        )
