"""Answers in a line of their own: "A: 12", "#### 12", a reply that is nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from arrol_serve.answers.ends import ends
from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.statements.peel import peel
from arrol_serve.answers.statements.statement import Statement, Trust

_HASHES = re.compile(r"(?:^|(?<=[\s.!)\]]))#{4}[ \t]*(?P<said>[^\s#][^\n#]{0,200})$", re.MULTILINE)
_LABEL = re.compile(
    r"^[ \t>*_]*(?:A|Ans|R|Result|Final|FINAL|Solution|Guess|Correct|Selected|Option|Choice|Prediction"
    r"|Verdict"
    r"|Label|答|Отв)[*_]*[ ]?(?:[:：]|\.(?=[ ]\S)"
    r"|=>)[*_]*[ \t]*(?P<said>\S[^\n]{0,200})$",
    re.MULTILINE,
)
_TYPED = frozenset(
    [
        "integer",
        "decimal",
        "fraction",
        "percentage",
        "quantity",
        "choice",
        "yes-no",
        "date",
        "time",
        "ratio",
        "tuple",
        "set",
        "list",
        "interval",
        "matrix",
        "infinity",
    ]
)
_LED = re.compile(r"[*\"']*(yes|no|true|false)[*\"']*[,.:;–—]", re.IGNORECASE)
_HEADING = re.compile(
    r"(?:Step|Part|Case|Schritt|Paso|Étape|Шаг|步骤|第)[ ]?[0-9]|.*:\s*$", re.IGNORECASE
)
_LETTERED = re.compile(r"[A-Za-z][).:] \S+ \S")
"""``#### b) Area of the base`` with text under it."""
_NEXT_OPTION = re.compile(r"\s*[*_ ]*\(?B[).:]")
_BARE_LABEL = re.compile(r"[A-Z][ ]?[:：]")
_OPTION = re.compile(r"[*_ ]*\(?[A-Z][).:]")
_TOTAL = re.compile(
    r"[ \t>*_]*(?:Therefore|Thus|Hence|So|Conclusion|Total|Sum|Output|Value|Total [a-z]+|Final value"
    r"|Insgesamt|Итого|Всего"
    r"|合计|共)[*_]*[ ]?[:：=]?[*_ ]*(?P<said>\S[^\n]{0,60})"
)
"""A last line; what follows must be an answer by itself."""
_LEAD = re.compile(
    r"^(?:[=→⇒∴➜✅]|\\therefore|\\Rightarrow|(?:[Ii]t['’]s|[Ii]t is|[Tt]hat is|[Tt]his is)\b)[ ]*"
)
_EXPLAINED = re.compile(
    r"\W*(?:Explanation|Reason(?:ing)?|Because|Since|Justification|Rationale|Solution|Working|Step|Let|Here|Note"
    r"|Erklärung|Begründung|Explicación|Explication|Spiegazione|Explicação|Пояснение|Объяснение|解析|解释|说明"
    r"|理由|説明|해설|설명)",
    re.IGNORECASE,
)
_FIRST = frozenset(
    [
        "integer",
        "decimal",
        "fraction",
        "percentage",
        "quantity",
        "choice",
        "yes-no",
        "tuple",
        "interval",
    ]
)
MAX_ALONE = 120


def find(text: str) -> Iterator[Statement]:
    for found in ends(_HASHES.finditer(text)) if "####" in text else ():
        rest = text[found.end() :].strip()
        if not rest or kind_of(found["said"].strip()).kind in _TYPED:
            said = found["said"]
            heading = bool(_HEADING.match(said)) if not rest else bool(_LETTERED.match(said))
            if not heading:
                yield _line(found, "####", Trust.STATED)
    for found in ends(_LABEL.finditer(text)):
        said = found["said"].strip()
        last = not text[found.end() :].strip()
        if _NEXT_OPTION.match(text, found.end()):
            continue  # "A. 3" above "B. 4"
        if last or kind_of(said).kind in _TYPED:
            yield _line(
                found, f'"{found[0][: found.start("said") - found.start()].strip()}"', Trust.LINE
            )


def _line(found: re.Match[str], source: str, trust: Trust) -> Statement:
    return Statement(found.start(), found.end(), found["said"].strip(), source, trust)


def _is_options(said: str) -> bool:
    """The question's options, said again."""
    *_, before, last = ["", *(line for line in said.splitlines() if line.strip())]
    return bool(_OPTION.match(before) and _OPTION.match(last))


def alone(text: str) -> Statement | None:
    """A reply, or its last line, that is an answer and nothing else."""
    said = text.strip()
    if not said:
        return None
    if _BARE_LABEL.fullmatch(said) or _is_options(said):
        return None
    if len(said) <= MAX_ALONE and "\n" not in said:
        bare = _LEAD.sub("", _TAG.sub("", said), count=1) if len(said) < 60 else said
        bare = bare.rstrip(".") if bare != said else said
        if _is_answer(said) or _strict(peel(bare)):
            return Statement(0, len(text), bare, "the reply is nothing else", Trust.ALONE)
    explained = first(text)
    if explained is not None and _EXPLAINED.match(text, explained.end):
        return explained
    led = _LED.match(said)
    if led and "\n" not in said:
        return Statement(0, led.end(), led[1], "the first word", Trust.ALONE)
    last = said.rpartition("\n")[2].strip()
    total = _TOTAL.fullmatch(last)
    if total and _strict(peel(total["said"])):
        at = text.rfind(last)
        return Statement(at, at + len(last), total["said"], "the last line", Trust.ALONE)
    if (
        last != said
        and len(last) <= 60
        and "=" not in last
        and (last[0] not in "-*" or last.startswith("**"))
        and _strict(last)
    ):
        at = text.rfind(last)
        return Statement(at, at + len(last), last, "the last line is nothing else", Trust.ALONE)
    return None


def first(text: str) -> Statement | None:
    """A first line that is an answer and nothing else, and a blank line or an explanation under it."""
    begin = len(text) - len(text.lstrip())
    led = _FIRST_SENTENCE.match(text, begin)
    end = led.end(1) if led else text.find("\n", begin, begin + MAX_ALONE)
    if end < 0 or not text[end:].strip():
        return None
    said = peel(text[begin:end])
    kind = kind_of(said).kind
    if kind not in _FIRST or (kind == "quantity" and len(said.split()) > 3):
        return None
    if "=" in said or _HEADING.match(said):
        return None
    if not led and not _BLANK.match(text, end) and not _EXPLAINED.match(text, end):
        return None
    return Statement(begin, end, said, "the first line is nothing else", Trust.ALONE)


_FIRST_SENTENCE = re.compile(
    r"([^\s.]{1,20}(?: [^\s.]{1,20}){0,2})\.[ ]+(?=(?:This|That|Because|Since|It|The|Here)\b)"
)
_BLANK = re.compile(r"[ \t]*\n[ \t]*\n")
_TAG = re.compile(r"</?(?:b|strong|em|i|u|p|span|div|h[1-6])>", re.IGNORECASE)
_WORD = re.compile(r"[\"'*]*[^\W\d_]{2,30}[\"'*]*\.?")
_NO_WORD = frozenset(
    [
        "sorry",
        "unknown",
        "none",
        "ok",
        "okay",
        "hello",
        "hi",
        "sure",
        "thanks",
        "hmm",
        "done",
        "unclear",
    ]
)


def _is_answer(said: str) -> bool:
    if _strict(said):
        return True
    bare = said.strip("\"'*. ").casefold()
    return bool(_WORD.fullmatch(said)) and bare not in _NO_WORD


def _strict(said: str) -> bool:
    bare = said.strip("*_` ")
    kind = kind_of(bare).kind
    if kind == "quantity":
        return len(bare.split()) <= 3
    if kind in ("set", "list"):
        return bare[0] in "[{\\"
    if kind == "expression":
        return any(c.isdigit() for c in bare) and len(bare) < 40
    return kind in _TYPED
