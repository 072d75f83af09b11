"""Cuts a finished text back into the pieces that its tokens would have streamed as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers.decoders import DecodeStream


def token_pieces(
    tokenizer: Any, token_ids: Sequence[int], text: str
) -> list[tuple[list[int], str]]:
    """``(ids, text)`` pieces, in order, that add up to ``token_ids`` and ``text`` exactly.

    Stop strings and special tokens make the two differ in length, so the tokenizer's stream only
    proposes where to cut; without a fast tokenizer the text comes as one piece.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not token_ids:
        return [(list(token_ids), text)]
    stream = DecodeStream(skip_special_tokens=True)
    pieces: list[tuple[list[int], str]] = []
    held: list[int] = []
    at = 0
    for token_id in token_ids:
        held.append(token_id)
        proposed = stream.step(backend, token_id)
        if proposed and text.startswith(proposed, at):
            pieces.append((held, proposed))
            held, at = [], at + len(proposed)
    if held or at < len(text) or not pieces:
        pieces.append((held, text[at:]))
    return pieces
