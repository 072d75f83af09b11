"""Which fields of rows hold question and answer: named by the user, or found by their names. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arrol_serve.answers.extract import extract
from arrol_serve.answers.spec import AnswerSpec
from trainer.prompts.chat import Turns

AUTO = "auto"
QUESTIONS = ("question", "problem", "prompt", "messages", "conversations", "query", "instruction")
ANSWERS = (
    "answer", "final_answer", "gold", "ground_truth", "expected_answer", "reward_model.ground_truth",
    "target", "label", "solution", "output", "response", "completion",
)  # fmt: skip
"""Best first."""
LOOKED_AT = 100
"""Rows by which fields and marks are found."""
MARK = "####"
"""What GSM8K's answers follow."""
BOX = r"\boxed"
ROLES = {"human": "user", "gpt": "assistant"}
"""Other names of roles."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one row asks: the last user message, what was said before it, and the answer as it stands."""

    question: str
    gold: str | None
    before: Turns = ()
    row: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """All of its columns."""
    as_messages: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where question and answer stand. ``after``: what the answer follows. ``boxed``: it is what the text's
    box holds. ``answer`` None: the assistant's reply that ends the messages."""

    question: str
    answer: str | None
    after: str = ""
    boxed: bool = False

    def __str__(self) -> str:
        gold = f"answers from {self.answer!r}" if self.answer else "answers from the last message"
        how = f", after {self.after!r}" if self.after else ""
        return f"questions from {self.question!r}, {gold}{how}{', out of their box' * self.boxed}"

    def read(self, row: Any, *, gold: bool = True) -> Asked:
        """Raises ``ValueError`` saying what is missing; without ``gold`` an answer is not."""
        value = value_at(row, self.question)
        before, question, reply = conversation(value, row, self.question)
        as_messages = isinstance(value, list)
        try:
            if self.answer is None and reply is None:
                raise ValueError("the messages end in no answer of the assistant")
            answer = reply if self.answer is None else text_of(row, self.answer)
            return Asked(question, self._out_of(str(answer)), before, row, as_messages)
        except ValueError:
            if gold:
                raise
            return Asked(question, None, before, row, as_messages)

    def _out_of(self, text: str) -> str:
        if self.after:
            return after(text.strip(), self.after)
        if self.boxed:
            found = extract(text, AnswerSpec(extract="boxed"))
            if found is None:
                raise ValueError(f"no {BOX} in the answer")
            return found
        return text


def find_columns(rows: Sequence[Any], question: str, answer: str, mark: str) -> Columns:
    """``question``, ``answer``: names, or ``auto``; ``mark``: what answers follow, empty: look. Raises
    ``ValueError`` where no row has them."""
    asked = question
    if question == AUTO:
        asked = _first(rows, QUESTIONS, "question")
    found: str | None = answer
    if answer == AUTO:
        others = tuple(name for name in ANSWERS if name != asked)
        found = _first(rows, others, "answer", optional=_replies(rows, asked))
    plain = Columns(asked, found)
    texts = [text for row in rows if (text := _gold(plain, row))]
    if mark or not texts:
        return Columns(asked, found, after=mark)
    if all(MARK in text for text in texts):
        return Columns(asked, found, after=MARK)
    return Columns(asked, found, boxed=all(BOX in text for text in texts))


def _gold(columns: Columns, row: Any) -> str | None:
    try:
        return columns.read(row).gold
    except ValueError:
        return None


def _replies(rows: Sequence[Any], asked: str) -> bool:
    """Whether some row's messages end in a reply."""
    for row in rows:
        try:
            if conversation(value_at(row, asked), row, asked)[2] is not None:
                return True
        except ValueError:
            continue
    return False


def _first(
    rows: Sequence[Any], names: Sequence[str], what: str, *, optional: bool = False
) -> str | Any:
    for name in names:
        if any(_has(row, name) for row in rows):
            return name
    if optional:
        return None
    row = next((row for row in rows if isinstance(row, dict)), None)
    if row is None:
        value_at(rows[0], what)  # says what is wrong with it
    raise ValueError(
        f"no {what} under any of the usual names ({', '.join(names)}); the row has "
        f"{', '.join(map(str, row or ())) or 'no fields'}"
    )


def _has(row: Any, name: str) -> bool:
    try:
        return value_at(row, name) not in (None, "", [])
    except ValueError:
        return False


def value_at(row: Any, path: str) -> Any:
    """What is at a dotted path, such as ``answer`` or ``prompt.0.content``; None: nothing.

    Raises ``ValueError`` for what is no row.
    """
    if isinstance(row, ValueError):
        raise ValueError(f"not JSON ({row})")
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    value: Any = row
    for part in path.split(".") if path not in row else [path]:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            value = None
    return value


def text_of(row: Any, path: str) -> str:
    """The text at a path, a number too, or the only one of a list. Raises ``ValueError``."""
    value = value_at(row, path)
    if isinstance(value, list) and len(value) > 1:
        raise ValueError(f"{len(value)} answers in the field {path!r}, where one is needed")
    if isinstance(value, list) and value:
        (value,) = value
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        known = ", ".join(map(str, row))
        raise ValueError(f"no text in the field {path!r}; the row has {known or 'no fields'}")
    return value


def conversation(value: Any, row: Any, path: str) -> tuple[Turns, str, str | None]:
    """Earlier turns, the question, and the reply that ends the messages; None: none does. A text is a
    question by itself. Raises ``ValueError``."""
    if not isinstance(value, list):
        return (), text_of(row, path), None
    turns = [_turn(part, path) for part in value]
    reply = turns.pop()[1] if turns and turns[-1][0] == "assistant" else None
    if not turns or turns[-1][0] != "user":
        raise ValueError(f"the messages in the field {path!r} end in no question of the user")
    *before, (_, question) = turns
    return tuple(before), question, reply


def _turn(part: Any, path: str) -> tuple[str, str]:
    role = part.get("role", part.get("from")) if isinstance(part, dict) else None
    content = part.get("content", part.get("value")) if isinstance(part, dict) else None
    if isinstance(content, list):  # the parts of a message, of which texts can be asked
        texts = [piece.get("text") for piece in content if isinstance(piece, dict)]
        content = "".join(t for t in texts if t) if all(isinstance(t, str) for t in texts) else None
    if not isinstance(role, str) or not isinstance(content, str) or not content.strip():
        raise ValueError(
            f"the field {path!r} holds a list, but not of messages with role and content"
        )
    return ROLES.get(role, role), content


def after(text: str, mark: str) -> str:
    """What follows the last ``mark``. Raises ``ValueError`` if nothing does."""
    _, found, answer = text.rpartition(mark)
    if not found or not answer.strip():
        raise ValueError(f"no text after {mark!r}")
    return answer.strip()
