"""Answers with parts: tuples, lists, sets, intervals and their unions, matrices."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from arrol_serve.answers.kinds.form import Form, Key, marked, name_of, unmarked
from arrol_serve.answers.kinds.split import at_top, enclosed, parts
from arrol_serve.answers.terms.term import read_term
from arrol_serve.answers.terms.tokens import NotTerm

Reader = Callable[[str], Form]
_UNION = re.compile(r"\\cup(?![A-Za-z])|(?<=[)\]])[ ]?[Uu][ ]?(?=[(\[])")
_MATRIX = re.compile(
    r"(?:(?P<left>[(\[]) ?)?\\begin\{(?P<name>[pbvBV]?(?:small)?matrix|array)\}(?:\{[clr"
    r"|]*\})?(?P<body>.*)\\end\{(?P=name)\} ?(?(left)[)\]])"
)
_EMPTY = re.compile(r"(?:the )?empty set|\\emptyset|\\\{[ ]?\\\}|\{[ ]?\}")
_INFINITY = re.compile(r"(?P<sign>[-+]?)[ ]?(?:\\infty|\\infin|[Ii]nf(?:inity)?|oo)")
_OUTWARD = re.compile(r"(?P<left>[\[\]])(?P<inner>[^\[\]]{1,80}[,;][^\[\]]{1,80})(?P<right>[\[\]])")
_NUMBERS = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?(?:[ ][-+]?[0-9]+(?:\.[0-9]+)?)+")
_SETS = re.compile(
    r"\\mathbb[ ]?\{?[ ]?(?P<name>[RQZNC])[ ]?\}?|(?:all )?(?P<word>real numbers|reals|integers)"
)
_SUCH = re.compile(r"\\mid(?![A-Za-z])|:|\|")
_POSITIVE = re.compile(r"\\mathbb[ ]?\{?[ ]?R[ ]?\}?[ ]?(?:\^|_)[ ]?\{?[ ]?\+[ ]?\}?")
_JUNCTION = re.compile(r"[ ](?:and|or)[ ]")


def read(text: str, reader: Reader) -> Form | None:
    """``text`` is clean; ``reader`` reads a part."""
    for attempt in (
        _nothing,
        _infinite,
        _matrix,
        _union,
        _outward,
        _bracketed,
        _plus_minus,
        _bare,
        _sequence,
    ):
        form = attempt(text, reader)
        if form is not None:
            return form
    return None


def _nothing(text: str, _: Reader) -> Form | None:
    if _EMPTY.fullmatch(text):
        return Form("set", ("set", ()), "{}")
    if _POSITIVE.fullmatch(text):
        zero: Key = ("num", Fraction(0))
        return interval("(", zero, ("infinite", "+"), ")", "(0, infinity)")
    found = _SETS.fullmatch(text)
    if found:
        name = found["name"] or found["word"][0].upper()
        form = interval("(", ("infinite", "-"), ("infinite", "+"), ")", "all real numbers")
        return form if name == "R" else Form("set", ("all", name), name)
    return None


def _infinite(text: str, _: Reader) -> Form | None:
    found = _INFINITY.fullmatch(text)
    if not found:
        return None
    sign = "-" if found["sign"] == "-" else "+"
    return Form("infinity", ("infinite", sign), f"{sign}infinity")


def interval(left: str, low: Key, high: Key, right: str, shown: str) -> Form:
    """An open one is spelt like a pair, a closed one like a list of two: they share their forms."""
    kind = {"()": "tuple", "[]": "list"}.get(left + right, "interval")
    return Form("interval", _ordered(kind, left + right, (low, high)), shown)


def _ordered(kind: str, brackets: str, keys: Sequence[Key]) -> Key:
    return (kind if kind != "interval" else brackets, *keys)


def _outward(text: str, reader: Reader) -> Form | None:
    """``]1, 2[`` is (1, 2)."""
    found = _OUTWARD.fullmatch(text)
    if not found or (found["left"] == "[" and found["right"] == "]"):
        return None
    left, right = "[" if found["left"] == "[" else "(", "]" if found["right"] == "]" else ")"
    return _bracketed(f"{left}{found['inner']}{right}", reader)


def _bracketed(text: str, reader: Reader) -> Form | None:
    found = enclosed(text)
    if found is None:
        return None
    left, inner, right = (side.replace("\\", "") for side in found)
    inner = found[1]
    if left + right == "{}":
        return (
            _set(inner, reader)
            if found[0] == r"\{" or parts(inner) or _SUCH.search(inner)
            else None
        )
    pieces = parts(inner)
    if pieces is None:
        if left + right == "[]" and inner:
            return _ordered_form("list", "[]", [reader(inner)])
        return None
    members = [reader(piece) for piece in pieces]
    if left + right not in ("()", "[]") and len(members) == 2:
        low, high = members
        return interval(left, low.own, high.own, right, f"{left}{low.shown}, {high.shown}{right}")
    kind = {"()": "tuple", "[]": "list"}.get(left + right)
    return _ordered_form(kind, left + right, members) if kind else None


def _ordered_form(kind: str, brackets: str, members: Sequence[Form]) -> Form:
    shown = f"{brackets[0]}{', '.join(m.shown for m in members)}{brackets[1]}"
    bare = _bare_keys(members)
    also: tuple[Key, ...] = () if bare is None else ((kind, *bare),)
    own = (kind, *(m.own for m in members))
    slots: tuple[tuple[str, Key], ...] = (("order", own if bare is None else (kind, *bare)),)
    if bare is not None:
        slots += (("marks", _marks(members)),)
    named = "interval" if len(members) == 2 and any(m.kind == "infinity" for m in members) else kind
    if kind == "list":
        also += _rows(members)
    return Form(named, own, shown, also, slots)


def _rows(members: Sequence[Form]) -> tuple[Key, ...]:
    """``[[1, 2], [3, 4]]`` may be a matrix."""
    if not all(m.kind == "list" for m in members) or len({len(m.own) for m in members}) > 1:  # type: ignore[arg-type]
        return ()
    return (("matrix", *(m.own[1:] for m in members)),)  # type: ignore[index]


def _bare_keys(members: Sequence[Form]) -> tuple[Key, ...] | None:
    """The members without their units and labels; None where none has any."""
    bare = tuple(m.also[0] if m.also and m.kind != "set" else m.own for m in members)
    return None if all(b == m.own for b, m in zip(bare, members, strict=True)) else bare


def _marks(members: Sequence[Form]) -> Key:
    return tuple(tuple(s for s in m.slots if s[0] != "core") for m in members)


def _set(inner: str, reader: Reader) -> Form | None:
    pieces = parts(inner) or [inner]
    if len(pieces) == 1 and _SUCH.search(inner):
        return _described(inner, reader)
    return collection([reader(piece) for piece in pieces], braces=True)


def _described(inner: str, reader: Reader) -> Form | None:
    """``{x | x > 3}`` is what follows the bar."""
    pieces = _SUCH.split(inner, maxsplit=1)
    form = reader(pieces[1].strip())
    return form if form.kind in ("interval", "set") else None


def collection(members: Sequence[Form], braces: bool = False) -> Form:
    """Values in any order. Words are a list in its order: who came first is often the question."""
    members = _by_name(members)
    keys = [m.own for m in members]
    if not braces and all(m.kind == "words" for m in members):
        shown = ", ".join(m.shown for m in members)
        return Form("list", ("list", *keys), shown, (("word", " ".join(m.shown for m in members)),))
    order = sorted(set(keys) if braces else keys, key=repr)
    shown = "{" + ", ".join(sorted({m.shown for m in members})) + "}"
    bare = _bare_keys(members)
    also: list[Key] = []
    if bare is not None:
        also.append(("set", tuple(sorted(bare, key=repr))))
    if not braces:
        also.append(("list", *keys))
        if bare is not None:
            also += [("list", *bare), ("tuple", *bare)]
    slots = (("marks", tuple(sorted(map(repr, _marks(members))))),) if bare is not None else ()  # type: ignore[call-overload]
    if len(order) == 1 and braces:
        also.append(keys[0])
    return Form("set", ("set", tuple(order)), shown, tuple(also), slots)


def _by_name(members: Sequence[Form]) -> Sequence[Form]:
    """``y = 2, x = 1`` in the order in which a tuple would have them."""
    names = [name_of(m) for m in members]
    if None in names or len(set(names)) < len(names):
        return members
    return [
        member
        for _, member in sorted(zip(names, members, strict=True), key=lambda pair: str(pair[0]))
    ]


def _one_name(members: Sequence[Form]) -> Form | None:
    """``x = 1 or x = 2`` and ``x = 1, 2`` are values of x."""
    first, *others = map(name_of, members)
    if first is None or any(other not in (None, first) for other in others):
        return None
    bare = [unmarked(m) for m in members]
    if any(
        m.kind in ("words", "formula", "interval") or m.slots[:1] == members[0].slots[:1]
        for m in bare
    ):
        return None
    values = collection(bare, braces=True)
    return marked(values, "name", first, values.kind, f"{first} = {values.shown}")


def _bare(text: str, reader: Reader) -> Form | None:
    if text[:1] in "\"'" and text[-1:] == text[:1]:
        return None
    pieces = parts(text)
    if pieces is None or len(pieces) < 2:
        return None
    if _JUNCTION.search(text) and all(len(piece) == 1 and piece.isalpha() for piece in pieces):
        return None  # "p or q" is not "p and q"
    members = [reader(piece) for piece in pieces]
    joined = _joined(members) if " or " in text else None
    if joined is not None:
        return joined
    wordy = [m.kind == "words" for m in members]
    if any(wordy) and not (all(wordy) and "," in text and max(map(len, pieces)) < 40):
        return None
    if any(m.kind == "formula" for m in members):
        return None
    if " or " in text and all(
        {m.own, *m.also} & {members[0].own, *members[0].also} for m in members
    ):
        return members[0]  # "1/2 or 0.5"
    return _one_name(members) or collection(members)


def _joined(members: Sequence[Form]) -> Form | None:
    """``x < 1 or x > 2`` is a union of intervals."""
    names = {slots for m in members for slots in m.slots}
    if not all(m.kind == "interval" and m.also for m in members) or len(names) > 1:
        return None
    order = tuple(sorted((m.also[0] for m in members), key=repr))
    union = Form("interval", ("union", order), " or ".join(sorted(m.shown for m in members)))
    name = next((value for slot, value in names if slot == "name"), None)
    return union if name is None else marked(union, "name", name, "interval", union.shown)


def _sequence(text: str, reader: Reader) -> Form | None:
    """``1 2 3``: numbers in their order."""
    if not _NUMBERS.fullmatch(text):
        return None
    members = [reader(piece) for piece in text.split(" ")]
    keys = tuple(m.own for m in members)
    return Form("sequence", ("list", *keys), " ".join(m.shown for m in members))


def _plus_minus(text: str, _: Reader) -> Form | None:
    if r"\pm" not in text:
        return None
    text = text.rpartition("=")[2].strip() if re.match(r"[A-Za-z][ ]?=", text) else text
    try:
        members = [read_term(text, sign) for sign in (1, -1)]
    except NotTerm:
        return None
    keys = sorted((m.key for m in members), key=repr)
    return Form("set", ("set", tuple(keys)), text)


def _union(text: str, reader: Reader) -> Form | None:
    pieces = at_top(text, _UNION)
    if len(pieces) < 2 or not all(pieces):
        return None
    members = [reader(piece) for piece in pieces]
    order = tuple(sorted({m.own for m in members}, key=repr))
    shown = " or ".join(sorted(m.shown for m in members))
    return Form("interval", ("union", order), shown)


def _matrix(text: str, reader: Reader) -> Form | None:
    found = _MATRIX.fullmatch(text)
    if not found or r"\begin" in found["body"] or (found["left"] and found["name"][0] in "pbvBV"):
        return None
    lines = [line.strip() for line in found["body"].replace(r"\hline", "").split(r"\\")]
    rows = [[reader(cell.strip()) for cell in line.split("&")] for line in lines if line]
    if not rows or len({len(row) for row in rows}) > 1:
        return None
    keys = tuple(tuple(cell.own for cell in row) for row in rows)
    shown = "; ".join(", ".join(cell.shown for cell in row) for row in rows)
    name = "determinant" if found["name"][0] in "vV" else "matrix"
    also: tuple[Key, ...] = ()
    if name == "matrix" and all(len(row) == 1 for row in keys):
        also = (("tuple", *(row[0] for row in keys)),)
    return Form("matrix", (name, *keys), f"[{shown}]", also)
