"""What the workers of the answer pool run, and what they are handed."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Sequence

from arrol_serve.answers.equivalence import equivalent, readable
from arrol_serve.answers.extract import canonical, extract, load, without_reasoning
from arrol_serve.answers.spec import AnswerSpec

MAX_TEXT = 100_000
"""Characters handed to a worker, counted from the end of the text after its reasoning."""


def settled_part(text: str) -> str | None:
    """The end of the text, cut after its reasoning is gone: a cut could hide that it is open."""
    said = without_reasoning(text)
    return None if said is None else said[-MAX_TEXT:]


def prepare() -> None:
    """In a new worker: die at once when told to, and pay for the imports outside of any job."""
    # pebble's handler never runs while C code does, and it would wait 3 s before SIGKILL.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    warnings.simplefilter("ignore")  # on models' LaTeX
    equivalent("\\frac{1}{2}", "\\sqrt{2}")


def ready() -> int:
    return os.getpid()


def first_equal(answer: str, known: Sequence[str]) -> int | None:
    """Compares with something in any case, so that an answer that hangs shows itself at once."""
    if not known:
        equivalent(answer, "0")
    return next((i for i, other in enumerate(known) if equivalent(other, answer)), None)


def verdict(settled: str | None, gold: str, spec: AnswerSpec) -> bool:
    expected = _gold(gold, spec)
    answer = None if settled is None else extract(settled, spec)
    return answer is not None and equivalent(expected, answer, spec.equivalence)


def _gold(gold: str, spec: AnswerSpec) -> str:
    """The gold as ``extract`` would spell it. Raises ``ValueError`` if it cannot be parsed."""
    expected: str | None = gold
    if spec.extract == "tool":
        expected = extract(gold, spec)
    elif spec.extract == "json" and (value := load(gold)) is not None:
        expected = value if isinstance(value, str) else canonical(value)
    usable = expected and (spec.equivalence == "exact" or readable(expected))
    if not expected or not usable:
        raise ValueError(f"the gold answer {gold!r} cannot be parsed")
    return expected
