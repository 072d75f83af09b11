"""Choice letters: B, (c), A and C, "B) 42", "option D"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from arrol_serve.answers.kinds.form import Form, Key

_ONE = re.compile(
    r"(?:(?:the )?(?:option|choice|answer|letter|opción|opção|alternativa|letra|lettre|lettera|选项"
    r"|選項)[ ]?:?[ ]?)?"
    r"[(\[{]?[ ]?(?P<letter>[A-Z])[ ]?[)\]}.:]?\.?(?:选项|選項|项|項)?",
    re.IGNORECASE,
)
_LOWER = re.compile(r"(?:[a-z]+ )?\(?[ ]?([a-z])[ ]?\)")
_SEVERAL = re.compile(
    r"[(\[{]?[A-Z][)\]}]?(?:(?:[ ]?[,;/&+][ ]?|[ ](?:and|or|und|y|et)[ ]|[ ]?,[ ]?and[ ]|[ ]|\)\("
    r"|[ ]?[和与及與][ ]?)"
    r"[(\[{]?[A-Z][)\]}]?){1,9}"
)
_CIRCLED = re.compile(r"[①-⑳](?:[ ]?(?:,[ ]?|和|与)?[ ]?[①-⑳])*")
_ROMAN = re.compile(
    r"(?:(?:statements?|both)[ ])?(?P<all>(?:I{1,3}|I?V|VI{1,3}|I?X)(?:(?:,[ ]|[ ]and[ ]|,[ ]and[ ]|[ ]&[ ])"
    r"(?:I{1,3}|I?V|VI{1,3}|I?X))*)(?P<only>[ ]only)?"
)
_RUN = re.compile(r"[A-H]{2,8}")
_MORE = re.compile(r"(?<![\w])\(([A-Z])\)")
_WITH_TEXT = re.compile(
    r"(?:(?:option|choice)[ ])?(?:\([ ]?(?P<a>[A-Za-z])[ ]?\)[ .:-]?|(?P<b>[A-Z])[ ]?[).:][ ]"
    r"|(?P<b3>[a-h])\)[ ]|(?P<b2>[A-Z])[ ]-[ ](?=[A-Za-z]{3})|(?P<c>[A-D])[ ]\()"
    r"[ ]?(?P<rest>\S.*)"
)


def read(text: str) -> Form | None:
    """``text`` is clean."""
    found = _ONE.fullmatch(text)
    if found and (found["letter"].isupper() or _LOWER.fullmatch(text)):
        return letters(found["letter"].upper())
    if _RUN.fullmatch(text) and "".join(sorted(set(text))) == text:
        return letters(text)
    numbered = _numbered(text)
    if numbered is not None:
        return numbered
    if _SEVERAL.fullmatch(text):
        single = re.findall(r"(?<![a-z])[A-Z](?![a-z])", text)
        if len(set(single)) == len(single) and max(single) <= "Z":
            return letters("".join(sorted(single)))
    return None


def _numbered(text: str) -> Form | None:
    """``I and III only``, ``①③``: statements by their numbers, several or marked as such."""
    roman = _ROMAN.fullmatch(text)
    if roman and (len(text) > len(roman["all"]) or not roman["all"].isalpha()):
        found = re.findall(r"[IVX]+", roman["all"])
    elif _CIRCLED.fullmatch(text):
        found = re.findall(r"[①-⑳]", text)
    else:
        return None
    order = sorted(set(found))
    also: tuple[Key, ...] = (("word", order[0].casefold()),) if len(order) == 1 else ()
    return Form("choice", ("statements", *order), ", ".join(order), also)


def with_text(text: str) -> tuple[str, str, list[str]] | None:
    """``(B) no`` or ``B. 42`` as the letter, the option's text, and letters of further options."""
    found = _WITH_TEXT.fullmatch(text)
    if not found:
        return None
    letter = (found["a"] or found["b"] or found["b2"] or found["b3"] or found["c"]).upper()
    rest = found["rest"]
    more = _MORE.findall(rest)
    return letter, rest[:-1] if found["c"] and rest.endswith(")") else rest, more


def letters(found: str) -> Form:
    return Form("choice", ("choice", found), found, slots=(("choice", found),))


def labelled(letter: str, rest: Form | None, others: Sequence[str] = ()) -> Form:
    """Equal to the letter; where nobody gives a letter, to the option's text."""
    also: tuple[Key, ...] = () if rest is None else (rest.own, *rest.also)
    form = letters("".join(sorted({letter, *others})))
    return Form("choice", form.own, form.shown, also, form.slots)
