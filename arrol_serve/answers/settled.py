"""What a reply says after its reasoning."""

from __future__ import annotations

MAX_TEXT = 100_000
"""Characters that are read, counted from the end of the text after its reasoning."""
_PAIRS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
)
_CHANNEL, _FINAL = "<|channel|>", "<|channel|>final<|message|>"
"""The Harmony format: every message but those of the channel "final" is reasoning or a call."""
_BARE_CHANNEL, _BARE_FINAL = "analysis", "assistantfinal"
"""The same once a tokenizer has left its special tokens out."""


def settled_part(text: str) -> str | None:
    """The end of the text, cut after its reasoning is gone: a cut could hide that it is open."""
    said = without_reasoning(text)
    return None if said is None else said[-MAX_TEXT:]


def without_reasoning(text: str) -> str | None:
    """The text without its ``<think>`` blocks; None while one is open. Takes linear time."""
    settled: str | None = _final_channel(text)
    for opening, closing in _PAIRS:
        if settled is not None and (opening in settled or closing in settled):
            settled = _without(settled, opening, closing)
    return settled


def _final_channel(text: str) -> str | None:
    if _CHANNEL in text:
        _, found, said = text.rpartition(_FINAL)
        return said.partition("<|end|>")[0] if found else None
    if text.startswith(_BARE_CHANNEL) and _BARE_FINAL in text:
        return text.rpartition(_BARE_FINAL)[2]
    return text


def _without(text: str, opening: str, closing: str) -> str | None:
    kept: list[str] = []
    *blocks, tail = text.split(closing)
    for block in blocks:
        before, opened, _ = block.partition(opening)
        kept = [*kept, before] if opened else []  # not opened: the chat template had done it
    return None if opening in tail else "".join((*kept, tail))
