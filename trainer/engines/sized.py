"""An engine whose context holds the questions that it will be asked, and a reply to each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from arrol_serve.errors import ArrolError
from trainer.engines.opening import Encoder
from trainer.engines.sampling import build_engine
from trainer.errors import ConfigError, one_line
from trainer.prompts.chat import Messages


def build_sized_engine(
    model: Path,
    head: Path | None,
    questions: Mapping[str, Messages],
    max_tokens: int,
    asked: int | None = None,
    *,
    template: Mapping[str, Any],
    build: Callable[..., Any] = build_engine,
    **options: Any,
) -> Any:
    """``build`` with a context of ``asked`` tokens, or as many as the questions need.

    ``questions``: what each is called in messages -> its chat, for which ``template`` has more. Raises
    ``ConfigError`` naming the longest one where there is no room for it, and for a folder that vLLM cannot
    serve.
    """
    try:
        name, longest = _longest(model, questions, template)
    except Exception as error:  # whatever a tokenizer's files and its template may raise
        raise ConfigError(
            f"--model {model}: its tokenizer cannot make a prompt: {one_line(error)}"
        ) from error
    needed = longest + max_tokens
    story = f"{name} has {longest} tokens as a prompt, so {needed} with --max-tokens {max_tokens}"
    if asked is not None and asked < needed:
        raise ConfigError(
            f"--max-model-len {asked} is too short: {story}. Leave it out, or lower --max-tokens."
        )
    try:
        return build(model, head, max_model_len=asked or needed, **options)
    except ArrolError:  # says itself what is wrong
        raise
    except Exception as error:  # whatever vLLM may raise on its way up
        raise ConfigError(
            f"--model {model}: vLLM does not start with a context of {asked or needed} tokens, since "
            f"{story}: {one_line(error)}"
        ) from error


def _longest(
    model: Path, questions: Mapping[str, Messages], template: Mapping[str, Any]
) -> tuple[str, int]:
    encode = Encoder(model, template)
    lengths = {name: len(encode(chat)) for name, chat in questions.items()}
    if not all(lengths.values()):
        raise ValueError("it knows none of their characters. Does the folder hold tokenizer.json?")
    name = max(lengths, key=lengths.__getitem__)
    return name, lengths[name]
