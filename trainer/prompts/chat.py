"""A question as the messages of a chat: system prompt, earlier turns, the template's arguments.

``arrol-eval``, ``arrol-train head`` and ``arrol-train policy`` all ask through here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.errors import ConfigError
from trainer.sections import ChatSection

Turns = tuple[tuple[str, str], ...]
"""(role, text) of what was said before the question."""
Messages = list[dict[str, str]]


def messages(chat: ChatSection, question: str, before: Turns = ()) -> Messages:
    """The chat that ends in ``question``. A row's own system message stands instead of ``chat.system``."""
    own = any(role == "system" for role, _ in before)
    system: Turns = () if own or not chat.system else (("system", chat.system),)
    turns = (*system, *before, ("user", question))
    return [{"role": role, "content": text} for role, text in turns]


def add_chat(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--system", default="", metavar="TEXT", help="system prompt; @FILE: what the file says"
    )
    group.add_argument(
        "--chat-template-args",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="what the model's chat template takes, such as enable_thinking=false; or one JSON object",
    )
    group.add_argument(
        "--stop", nargs="+", default=[], metavar="TEXT", help="strings that end a reply"
    )


def read_chat(given: Mapping[str, Any]) -> ChatSection:
    """What ``add_chat``'s options say. Raises ``ConfigError``."""
    if "" in given["stop"]:
        raise ConfigError("--stop: an empty string would end every reply at once")
    system = given["system"]
    if system.startswith("@"):
        try:
            system = Path(system[1:]).read_text().strip()
        except (OSError, ValueError) as error:
            raise ConfigError(f"--system {system}: the file cannot be read ({error})") from error
    template = _template(given["chat_template_args"])
    return ChatSection(system=system, template=template, stop=tuple(given["stop"]))


def _template(words: Sequence[str]) -> dict[str, Any]:
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        try:
            return dict(json.loads(words[0]))
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"--chat-template-args {words[0]}: no JSON object ({error})"
            ) from error
    pairs = [word.partition("=") for word in words]
    wrong = next((word for word, (name, found, _) in zip(words, pairs, strict=True)
                  if not name or not found), None)  # fmt: skip
    if wrong is not None:
        raise ConfigError(
            f"--chat-template-args {wrong}: write NAME=VALUE, as enable_thinking=false"
        )
    return {name: _value(text) for name, _, text in pairs}


def _value(text: str) -> Any:
    """JSON where it is, as ``false`` and ``3`` are; else the text. Python's True and False too."""
    try:
        return json.loads({"True": "true", "False": "false"}.get(text, text))
    except ValueError:
        return text
