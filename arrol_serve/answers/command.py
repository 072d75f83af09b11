"""``arrol-serve read``: what a reply is taken to answer, and why; of two, whether they agree."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from arrol_serve.answers.equivalence import needs_sympy, resolved, why
from arrol_serve.answers.kinds.form import Form
from arrol_serve.answers.partition import same
from arrol_serve.answers.reading import Reading, read
from arrol_serve.answers.spec_text import FORMS, spec_of
from arrol_serve.errors import InvalidRequest


def read_parser() -> argparse.ArgumentParser:
    """Options of ``arrol-serve read``."""
    parser = argparse.ArgumentParser(
        "arrol-serve read",
        description="The answer of a reply, its kind, its canonical form, and what marked it. "
        "Of two replies: whether their answers are equal, and why.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("files", nargs="*", metavar="FILE", help="replies; default: standard input")
    option("--extract", default="auto", metavar="HOW", help=f"one of {FORMS}; default auto")
    option(
        "--equivalence",
        default="math",
        choices=("math", "exact"),
        help="which answers are equal: by what they mean, or by their letters; default math",
    )
    option("--text", action="append", default=[], help="a reply itself, not a file")
    option("--json", action="store_true", help="print JSON")
    return parser


def read_command(arguments: list[str]) -> str:
    """What to print. Raises ``InvalidRequest``."""
    args = read_parser().parse_args(arguments)
    spec = spec_of(args.extract, args.equivalence)
    texts = [*args.text, *(_content(name) for name in args.files)]
    if not texts:
        texts = [sys.stdin.buffer.read().decode("utf-8", "replace")]
    if len(texts) > 2:
        raise InvalidRequest(f"read takes one reply or two, got {len(texts)}", param="FILE")
    readings = [read(text, spec) for text in texts]
    if args.json:
        return json.dumps(_as_json(readings), ensure_ascii=False, indent=2)
    return "\n\n".join([*map(_shown, readings), *_compared(readings)])


def _content(name: str) -> str:
    if name == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    try:
        return Path(name).read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise InvalidRequest(f"{name} cannot be read: {error.strerror}", param="FILE") from error


def _shown(reading: Reading) -> str:
    if reading.form is None:
        return f"answer     none\nwhy        {reading.why}"
    return (
        f"answer     {reading.answer}\nkind       {reading.kind}\n"
        f"canonical  {reading.canonical}\nwhy        {reading.why}"
    )


def _compared(readings: list[Reading]) -> list[str]:
    if len(readings) < 2:
        return []
    equal, reason = _equal(readings[0].form, readings[1].form)
    return [f"{'equal' if equal else 'not equal'}: {reason}"]


def _equal(a: Form | None, b: Form | None) -> tuple[bool, str]:
    if a is None or b is None:
        return False, "no answer equals nothing"
    if needs_sympy(a, b) and not same(a, b):
        a, b = resolved(a), resolved(b)
    return same(a, b), why(a, b)


def _as_json(readings: list[Reading]) -> dict[str, Any]:
    rows = [
        {"answer": r.answer, "kind": r.kind, "canonical": r.canonical, "why": r.why}
        for r in readings
    ]
    if len(rows) == 1:
        return rows[0]
    equal, reason = _equal(readings[0].form, readings[1].form)
    return {"replies": rows, "equal": equal, "why": reason}
