r"""``boxed``: the last ``\boxed{...}``."""

from __future__ import annotations

from arrol_serve.answers.readers.found import Found, nothing
from arrol_serve.answers.statements import boxes


def read(text: str) -> Found:
    last = next(iter(boxes.find(text)), None)
    return nothing("the reply has no closed box") if last is None else Found(last.text, last.source)
