"""All groups as one HTML file: search, filters, nothing fetched, nothing run but its own script.

Texts travel as JSON and are put into the page as text, never as markup: models may write anything.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path

from arrol_serve.files import replacing
from trainer.samples.kept import ShownGroup, names
from trainer.samples.terminal import verdict

TEMPLATE = "page.html"


def write_page(groups: Sequence[ShownGroup], title: str, path: Path) -> None:
    """The file appears whole or not at all."""
    body = {
        "parts": list(dict.fromkeys(group.part for group in groups)),
        "figures": list(names(groups)),
        "groups": [_group(group) for group in groups],
    }
    # In a script element, "<" alone could end it.
    data = json.dumps(body, ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")
    text = _template().replace("{{title}}", html.escape(title)).replace("{{data}}", data)
    with replacing(path) as part:
        part.write_text(text)


def _group(group: ShownGroup) -> dict[str, object]:
    replies = [
        {**asdict(reply), "verdict": verdict(reply), "figures": _finite(reply.figures)}
        for reply in group.replies
    ]
    return {**asdict(group), "replies": replies, "mixed": group.mixed}


def _finite(figures: Mapping[str, float | None]) -> dict[str, float]:
    return {k: v for k, v in figures.items() if v is not None and math.isfinite(v)}


@cache
def _template() -> str:
    return (files(__package__) / TEMPLATE).read_text()
