"""The answer that is known to be right, as replies are compared with it."""

from __future__ import annotations

from functools import lru_cache

from arrol_serve.answers.equivalence import needs_sympy, readable, resolved
from arrol_serve.answers.jsonish import load, said
from arrol_serve.answers.kinds.form import Form
from arrol_serve.answers.partition import same
from arrol_serve.answers.reading import find, form_of, read
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.answers.statements.choose import is_fragment
from arrol_serve.answers.statements.phrases import find as phrases


@lru_cache(maxsize=4096)
def gold_form(gold: str, spec: AnswerSpec) -> Form:
    """What replies are compared with. Raises ``ValueError`` for a gold that cannot be typed."""
    answer = _spelt(gold, spec)
    if not answer or (
        spec.equivalence == "math" and spec.extract != "code" and not _usable(answer)
    ):
        raise ValueError(f"the gold answer {gold!r} cannot be parsed")
    stated = next(iter(phrases(answer)), None) if len(answer) < 400 else None
    if stated is not None and spec.extract not in ("json", "tool", "code"):
        raise ValueError(
            f"the gold answer {gold!r} is a sentence: give {stated.text.strip()!r} alone, or say what "
            "it follows"
        )
    return form_of(answer, spec.extract, spec.equivalence)


def _spelt(gold: str, spec: AnswerSpec) -> str | None:
    if spec.extract == "tool":
        return find(gold, spec).answer
    if spec.extract == "code":
        return find(gold, spec).answer or gold.strip()
    if spec.extract == "json":
        value = load(gold)
        return gold if value is None else said(value)
    return gold.strip()


def _usable(answer: str) -> bool:
    return not is_fragment(answer) and readable(answer)


def agrees(settled: str | None, gold: str, spec: AnswerSpec) -> bool | None:
    """Whether a reply's answer is the gold; None: only sympy can say. Raises ``ValueError``."""
    expected = gold_form(gold, spec)
    form = None if settled is None else read(settled, spec).form
    if form is None:
        return False
    if same(expected, form):
        return True
    return None if needs_sympy(expected, form) else False


def verdict(settled: str | None, gold: str, spec: AnswerSpec) -> bool:
    """The same, with sympy. Raises ``ValueError`` for a bad gold."""
    quick = agrees(settled, gold, spec)
    if quick is not None or settled is None:
        return bool(quick)
    form, expected = read(settled, spec).form, gold_form(gold, spec)
    return form is not None and same(resolved(expected), resolved(form))
