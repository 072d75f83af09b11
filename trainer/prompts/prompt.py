"""What is asked, and the order it is asked in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from trainer.prompts.chat import Turns


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked. ``key`` names the question across epochs, ``kind`` what it is alike to."""

    key: str
    kind: str
    question: str
    gold: str
    before: Turns = ()
    """What was said before the question, system message and all."""


class PromptSource(Protocol):
    def prompt(self, number: int) -> Prompt:
        """The prompt at a place of the endless deterministic order."""
