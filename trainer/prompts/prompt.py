"""What is asked, and the order it is asked in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

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
    row: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """All columns of the row that it stands in; none where it was generated."""
    as_messages: bool = field(default=False, compare=False)
    """Whether the row holds messages, not a text."""


class PromptSource(Protocol):
    def prompt(self, number: int) -> Prompt:
        """The prompt at a place of the endless deterministic order."""
