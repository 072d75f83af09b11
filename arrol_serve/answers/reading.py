"""A text read: its answer, what kind that is, and why. Pure; see ``pool`` for what must be killable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from arrol_serve.answers.kinds.data import code as code_form
from arrol_serve.answers.kinds.form import Form
from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.kinds.words import spelt
from arrol_serve.answers.normal import normalise
from arrol_serve.answers.pattern import last_match
from arrol_serve.answers.readers import auto, boxed, choice, code, number, structured, tool
from arrol_serve.answers.readers.found import Found, nothing
from arrol_serve.answers.settled import without_reasoning
from arrol_serve.answers.spec import AnswerSpec, Equivalence


@dataclass(frozen=True, slots=True)
class Reading:
    """``answer`` is None where the text settles on none; then ``form`` is None, too."""

    answer: str | None
    why: str
    """What marked the answer, or why there is none."""
    form: Form | None = None
    timed_out: bool = False
    """It could not be read, or compared but by its spelling, in time."""

    @property
    def kind(self) -> str | None:
        return None if self.form is None else self.form.kind

    @property
    def canonical(self) -> str | None:
        return None if self.form is None else self.form.shown


READERS: dict[str, Callable[[str], Found]] = {
    "auto": auto.read,
    "boxed": boxed.read,
    "number": number.read,
    "choice": choice.read,
    "tool": tool.read,
    "code": code.read,
}


def read(text: str, spec: AnswerSpec) -> Reading:
    """What ``text`` settles on. Never raises."""
    settled = without_reasoning(text)
    if settled is None:
        return Reading(None, "the reasoning is not closed")
    found = find(settled, spec)
    if found.answer is None:
        return Reading(None, found.why)
    # JSON can spell half a surrogate pair, which no response could carry.
    answer = found.answer.encode("utf-8", "replace").decode()
    return Reading(answer, found.why, form_of(answer, spec.extract, spec.equivalence))


def find(settled: str, spec: AnswerSpec) -> Found:
    """The answer in what follows the reasoning."""
    if spec.extract == "regex":
        matched = last_match(spec.regex or "", settled)
        return (
            Found(matched, "the last match") if matched else nothing("the pattern does not match")
        )
    if spec.extract == "json":
        return structured.read(settled, spec.json_pointer or "")
    return READERS[spec.extract](settled)


def form_of(answer: str, extract: str = "auto", how: Equivalence = "math") -> Form:
    """What ``answer`` is compared by: its spelling alone where ``how`` is ``exact``."""
    if how == "exact":
        form = normalise(answer)
        return replace(spelt(form), own=("spelling", form), shown=form)
    return code_form(answer) if extract == "code" else kind_of(answer)
