"""What servers answer, read with care: anything may be missing or of another type. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from arrol_serve.rollout import Fate, fate_of
from trainer.evaluation.grading import Reply
from trainer.evaluation.over_http.endpoint import RemoteError


@contextmanager
def _reading(what: str, missing: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RemoteError(f"{what}: {missing} ({error!r})") from error


def candidates(what: str, reply: Mapping[str, Any]) -> list[Reply]:
    """The candidates of a search. Raises ``RemoteError``."""
    with _reading(what, "the reply holds no candidates"):
        return [
            Reply(
                _text(c["text"]),
                int(c["tokens"]),
                Fate(c["fate"]),
                _number(c["quality"]),
                _number(c["confidence"]),
            )
            for c in reply["arrol"]["candidates"]
        ]


def choices(what: str, reply: Mapping[str, Any]) -> list[Reply]:
    """Each choice with its own number of tokens. Raises ``RemoteError`` where that is not told."""
    _no_search(what, reply)
    with _reading(what, "the reply does not tell its tokens"):
        found = sorted(reply["choices"], key=lambda choice: int(choice["index"]))
        return [_reply_of(choice, _count(choice)) for choice in found]


def single(what: str, reply: Mapping[str, Any]) -> Reply:
    """The one choice. Raises ``RemoteError``."""
    _no_search(what, reply)
    with _reading(what, "the reply is no chat completion"):
        (choice,) = reply["choices"]
        return _reply_of(choice, int(reply["usage"]["completion_tokens"]))


def _no_search(what: str, reply: Mapping[str, Any]) -> None:
    if isinstance(reply.get("arrol"), dict):
        raise RemoteError(
            f"{what}: the server ran a search where plain samples were asked for. Give the model's own "
            "name as --model, not an alias"
        )


def _count(choice: Mapping[str, Any]) -> int:
    ids = choice.get("token_ids")
    return len(choice["logprobs"]["content"] if ids is None else ids)


def _reply_of(choice: Mapping[str, Any], tokens: int) -> Reply:
    reason = choice["finish_reason"]
    return Reply(_text(choice["message"].get("content")), tokens, fate_of(reason, None))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, not {type(value).__name__}")
    return value


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
